// Runs a program from a built image as Kubernetes would, as far as that is possible without a container engine: its own
// root, read-only, as the image's user, without any capability. Network and process tree are those of the machine.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram, type Program } from '@sortie/common/testing/child';

interface ImageConfig {
  Entrypoint: string[];
  Env: string[];
  User: string;
  Labels?: Record<string, string>;
  WorkingDir: string;
}

export const buildah = (...parameters: string[]): string =>
  execFileSync('buildah', parameters, { encoding: 'utf8' }).trim();

export class Container {
  private constructor(
    private readonly id: string,
    readonly root: string,
    readonly config: ImageConfig,
  ) {}

  static from(image: string): Container {
    const id = buildah('from', '--pull-never', image);
    const { OCIv1 } = JSON.parse(buildah('inspect', '--type', 'container', id)) as { OCIv1: { config: ImageConfig } };
    return new Container(id, buildah('mount', id), OCIv1.config);
  }

  /** The command line that runs `command` inside; `volumes`: paths of the machine by their place inside. */
  private inside(command: readonly string[], volumes: Record<string, string>): string[] {
    const { User, WorkingDir } = this.config;
    const [uid = '', gid = uid] = User.split(':');
    // Mount points are made before the root becomes read-only, as container runtimes do.
    const places = Object.entries({ ...volumes, '/proc': '/proc', '/dev': '/dev' });
    for (const [inside] of places) mkdirSync(join(this.root, inside), { recursive: true });
    const script = `set -eu
      root=$1 uid=$2 gid=$3 directory=$4; shift 4
      mount --bind "$root" "$root"
      mount -o remount,bind,ro "$root"
      ${places.map(([inside, outside]) => `mount --rbind '${outside}' "$root${inside}"`).join('\n')}
      mount -t tmpfs tmpfs "$root/tmp"
      exec chroot "$root" setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
        /bin/sh -c 'cd "$0" && exec "$@"' "$directory" "$@"`;
    return [
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      script,
      'sh',
      this.root,
      uid,
      gid,
      WorkingDir,
      ...command,
    ];
  }

  private environment(over: Record<string, string>): NodeJS.ProcessEnv {
    const own = Object.fromEntries(
      this.config.Env.map((entry) => entry.split(/=(.*)/s).slice(0, 2) as [string, string]),
    );
    return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...own, ...over };
  }

  /** Starts the image's program and waits until it is ready. */
  start(environment: Record<string, string>, volumes: Record<string, string>, metricsPort: number): Promise<Program> {
    const ready = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${metricsPort}/readyz`)).ok;
    return startProgram('unshare', this.inside(this.config.Entrypoint, volumes), ready, {
      env: this.environment({ ...environment, SORTIE_METRICS_LISTEN: `127.0.0.1:${metricsPort}` }),
    });
  }

  /** Runs a command inside; its output, or what it said when it failed. */
  run(command: readonly string[], environment: Record<string, string> = {}): { good: boolean; output: string } {
    try {
      const output = execFileSync('unshare', this.inside(command, {}), {
        encoding: 'utf8',
        stdio: 'pipe',
        env: this.environment(environment),
      });
      return { good: true, output };
    } catch (error) {
      return { good: false, output: String((error as { stderr?: unknown }).stderr ?? error) };
    }
  }

  remove(): void {
    buildah('umount', this.id);
    buildah('rm', this.id);
  }
}
