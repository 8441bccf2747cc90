// Renewed certificates: by the commands of deploy/README.md, and as nats-server takes them.
import { execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { freePort } from '@sortie/common/free-port';
import { newIdentities } from '@sortie/common/identity/cluster';
import { startProgram } from '@sortie/common/testing/child';
import { hasKubectl } from './manifests.js';
import { overlaysWithCertManager } from './overlays.js';
import { read } from './programs.js';

const it = suite<{ directory: string }>('renewal');
it.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'sortie-renewal-'));
});
it.after.each(({ directory }) => rmSync(directory, { recursive: true }));

type Files = Record<string, string>;
const signed = (certificate: string, authorities: string): boolean =>
  (authorities.match(/^-----BEGIN[^]*?^-----END CERTIFICATE-----$/gm) ?? []).some((authority) =>
    new X509Certificate(certificate).checkIssued(new X509Certificate(authority)),
  );

/** A folder stands in for the cluster; secrets are made by the real kubectl. */
const stub = (real: string, folder: string): string => `#!/bin/sh
case "$*" in
  *' get secret '*) printf %s "$(base64 -w0 ${folder}/ca.crt)" ;;
  *' patch secret '*) for patch; do :; done; printf %s "$patch" > ${folder}/patched.json ;;
  *' create secret '*) exec ${real} "$@" ;;
  'replace -f -') cat > ${folder}/replaced.yaml ;;
  *' rollout '*) : ;;
  *) exit 1 ;;
esac
`;

if (hasKubectl())
  it('the commands of the documentation never leave a pod that does not believe another one', async ({ directory }) => {
    const block = /^renewed=.*?(?=^```)/ms.exec(read('deploy/README.md'))?.[0] ?? '';
    const before: Files = (await newIdentities())['sortie-tls'];
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    writeFileSync(join(directory, 'ca.crt'), before['ca.crt'] ?? '');
    const real = execFileSync('sh', ['-c', 'command -v kubectl'], { encoding: 'utf8' }).trim();
    writeFileSync(join(bin, 'kubectl'), stub(real, directory));
    chmodSync(join(bin, 'kubectl'), 0o755);
    execFileSync('bash', ['-euo', 'pipefail', '-c', block.replaceAll('sleep 180', ':')], {
      cwd: new URL('../..', import.meta.url),
      env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    });
    const decoded = (data: Files): Files =>
      Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
    const patched = JSON.parse(readFileSync(join(directory, 'patched.json'), 'utf8')) as { data: Files };
    const replaced = parse(readFileSync(join(directory, 'replaced.yaml'), 'utf8')) as { data: Files };
    const [both, after] = [decoded(patched.data), decoded(replaced.data)];
    assert.equal(Object.keys(both), ['ca.crt'], 'the first step changes nothing else');
    assert.equal(Object.keys(after).sort(), Object.keys(before).sort());
    for (const file of Object.keys(after).filter((name) => name.endsWith('.crt') && name !== 'ca.crt')) {
      const [old = '', renewed = ''] = [before[file], after[file]];
      assert.not(signed(renewed, before['ca.crt'] ?? ''), `${file} is of another authority`);
      for (const authorities of [both['ca.crt'] ?? '', after['ca.crt'] ?? ''])
        for (const certificate of [old, renewed]) assert.ok(signed(certificate, authorities), file);
    }
  });

/** The certificate that a nats-server shows: it asks for TLS in the clear first. */
async function shown(port: number, ca: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject));
  const secure = connectTls({ socket, ca, servername: 'nats' });
  try {
    await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject));
    return secure.getPeerX509Certificate()?.serialNumber ?? '';
  } finally {
    secure.destroy();
  }
}

it('nats-server shows its renewed certificate soon after it was replaced', async ({ directory }) => {
  const [overlay] = overlaysWithCertManager();
  const pod = overlay?.workloads.find(({ name }) => name === 'nats')?.pod;
  if (!pod) return;
  const [server, reload] = pod.containers;
  const here = (text: string): string =>
    text.replaceAll('/etc/nats', directory).replaceAll('/run/nats', directory).replaceAll('/data', `${directory}/data`);
  const { 'sortie-tls': first, 'sortie-nats': accounts } = await newIdentities();
  const { 'sortie-tls': second } = await newIdentities();
  const put = (files: Files): void => {
    for (const [file, key] of [['tls.crt', 'nats.crt'], ['tls.key', 'nats.key'], ['ca.crt', 'ca.crt']] as const) writeFileSync(join(directory, file), files[key] ?? ''); // prettier-ignore
  };
  const [port, monitor] = [await freePort(), await freePort()];
  const config = here(read('deploy/base/nats.conf')).replace('4222', String(port)).replace('8222', String(monitor));
  writeFileSync(join(directory, 'nats.conf'), config);
  writeFileSync(join(directory, 'authorization.conf'), accounts['authorization.conf'] ?? '');
  put(first);
  const [ca = '', renewedCa = ''] = [first['ca.crt'], second['ca.crt']];
  const answers = async (): Promise<boolean> => (await shown(port, ca)) !== '';
  const env = { ...process.env, POD_NAME: 'nats-0' };
  const nats = await startProgram('nats-server', (server?.args ?? []).map(here), answers, { env });
  assert.ok(existsSync(join(directory, 'nats.pid')));
  const [shell = '', ...words] = (reload?.command ?? []).map(here);
  const beside = spawn(shell, [...words.slice(0, -1), '0.2'], { cwd: here(reload?.workingDir ?? ''), stdio: 'ignore' });
  try {
    put(second);
    const wanted = new X509Certificate(second['nats.crt'] ?? '').serialNumber;
    let found = '';
    for (let round = 0; round < 200 && found !== wanted; round++) {
      found = await shown(port, renewedCa).catch(() => '');
      await sleep(50);
    }
    assert.is(found, wanted);
  } finally {
    beside.kill();
    await nats.stop();
  }
});

it.run();
