// `sortie`: the command line.
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { fileURLToPath } from 'node:url';
import { newIdentities } from '@sortie/common/identity/cluster';
import { parseResolutions, resolutionWords } from '@sortie/common/ladder';
import { roles, saveUser } from '@sortie/common/users';
import { confineSettings, setConfinement } from '@sortie/ingest/confined/state';
import { describeGpus, findGpus } from '@sortie/ingest/gpu/preflight';
import { engineSettings } from '@sortie/ingest/gpu/settings';
import { klvLines, klvReport, klvTrack } from '@sortie/ingest/klv/print';
import { ingestFile, sourcesOf } from './commands/ingest.js';
import { up } from './commands/up.js';
import { adminName, dataDirectory, runningGateway, type DataDirectory } from './data.js';
import { GatewayError, priorities, Rest, sharings, type LayerWishes } from './rest.js';
import { StepList } from './step-list.js';

const usage = `Usage:
  sortie up [FILE…] [--resolutions sd,hd] [--once] [--json] [--data DIR] [--port N]
      start everything on this machine and ingest the files (a sample flight when there are none)
  sortie ingest FILE… [--resolutions sd,hd] [--json]     ingest with a Sortie that runs; a .csv, .gpx, .srt, .ass
      [--sharing private|organization|public]            or .klv behind a video is its telemetry; who sees the layer,
      [--priority low|normal|high]                       and whether its job begins before others
  sortie job ID [--watch]                                one job, now or until it ends
  sortie token [--minutes N]                             a token for the REST interface
  sortie user NAME [--role viewer|publisher|administrator]   add a user; the password comes from stdin
  sortie identities DIR                                  certificates, keys and passwords of a cluster's programs, one folder
                                                         for each secret (deploy/README.md)
  sortie klv FILE… [--report | --geojson]                telemetry packets as JSON lines, the health report, the track
  sortie gpu [--json]                                    try the GPUs of this machine, and say what works

A Sortie is found by its data directory (--data DIR, SORTIE_DATA, or data/ beside the sources), or by --url with
SORTIE_TOKEN in the environment.`;

class UsageError extends Error {}

const defaultData = fileURLToPath(new URL('../../../data', import.meta.url));
/** npm changes into the project's folder; files are named from where the caller is. */
const fromCaller = (path: string): string => resolve(process.env['INIT_CWD'] ?? process.cwd(), path);

const options = {
  resolutions: { type: 'string', default: '' },
  once: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  data: { type: 'string' },
  port: { type: 'string', default: '0' },
  watch: { type: 'boolean', default: false },
  minutes: { type: 'string', default: '60' },
  role: { type: 'string', default: 'publisher' },
  url: { type: 'string' },
  sharing: { type: 'string' },
  priority: { type: 'string' },
  report: { type: 'boolean', default: false },
  geojson: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} satisfies NonNullable<ParseArgsConfig['options']>;

const parse = (args: string[]) => parseArgs({ args, options, allowPositionals: true });
type Values = ReturnType<typeof parse>['values'];

function numberOption(text: string, name: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw new UsageError(`--${name} must be a number up to ${most}.`);
  return value;
}

const dataOf = (values: Values): DataDirectory =>
  dataDirectory(values.data === undefined ? (process.env['SORTIE_DATA'] ?? defaultData) : fromCaller(values.data));

function resolutionsOf(values: Values): string {
  if (!parseResolutions(values.resolutions)) {
    throw new UsageError(`--resolutions takes words of ${resolutionWords.join(', ')}.`);
  }
  return values.resolutions;
}

/** The word of an option that was given, if it is one of those that are allowed. */
function wordOption<T extends string>(word: string, name: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === word);
  if (found === undefined) throw new UsageError(`--${name} must be one of ${allowed.join(', ')}.`);
  return found;
}

const wishesOf = ({ sharing, priority }: Values): LayerWishes => ({
  ...(sharing !== undefined && { sharing: wordOption(sharing, 'sharing', sharings) }),
  ...(priority !== undefined && { priority: wordOption(priority, 'priority', priorities) }),
});

/** Signed in, to the Sortie that was named or that runs here. */
async function connect(values: Values): Promise<Rest> {
  const token = process.env['SORTIE_TOKEN'] ?? '';
  if (values.url !== undefined) {
    const rest = new Rest(values.url.replace(/\/$/, ''));
    rest.use(token);
    return rest;
  }
  const data = dataOf(values);
  const rest = new Rest(await runningGateway(data));
  if (token === '')
    await rest.signIn(
      adminName,
      await readFile(data.adminPassword, 'utf8'),
      numberOption(values.minutes, 'minutes', 525_600),
    );
  else rest.use(token);
  return rest;
}

const commands: Record<string, (values: Values, words: string[]) => Promise<number>> = {
  up: (values, files) =>
    up({
      files: files.map(fromCaller),
      resolutions: resolutionsOf(values),
      once: values.once,
      json: values.json,
      data: dataOf(values).root,
      port: numberOption(values.port, 'port', 65_535),
    }),

  ingest: async (values, files) => {
    if (files.length === 0) throw new UsageError('Which file?');
    const wishes = wishesOf(values);
    const rest = await connect(values);
    const out = values.json ? process.stderr : process.stdout;
    let good = true;
    for (const sources of sourcesOf(files.map(fromCaller))) {
      const job = await ingestFile(rest, sources, {
        resolutions: resolutionsOf(values),
        wishes,
        json: values.json,
        out,
      });
      good &&= job?.status === 'COMPLETED';
    }
    return good ? 0 : 1;
  },

  job: async (values, [jobId]) => {
    if (jobId === undefined) throw new UsageError('Which job?');
    const rest = await connect(values);
    if (values.watch) {
      const list = new StepList(process.stderr);
      await rest.watch(
        jobId,
        (job) => list.show(job),
        (reason) => list.say(`${reason} Waiting for it …`),
      );
    }
    process.stdout.write(`${await rest.jobText(jobId, false, 'pjson')}\n`);
    return 0;
  },

  token: async (values) => {
    const rest = await connect(values);
    process.stdout.write(`${rest.currentToken}\n`);
    return 0;
  },

  identities: async (_, [directory]) => {
    if (directory === undefined) throw new UsageError('Which directory?');
    for (const [secret, files] of Object.entries(await newIdentities())) {
      const own = join(fromCaller(directory), secret);
      await mkdir(own, { recursive: true, mode: 0o700 });
      for (const [name, content] of Object.entries(files))
        await writeFile(join(own, name), content, { mode: 0o600, flag: 'wx' });
    }
    return 0;
  },

  user: async (values, [username]) => {
    if (username === undefined) throw new UsageError('Which user?');
    const role = wordOption(values.role, 'role', roles);
    const lines = createInterface({ input: process.stdin });
    const { value } = (await lines[Symbol.asyncIterator]().next()) as { value: string | undefined };
    lines.close();
    if (value === undefined || value.length < 8)
      throw new UsageError('Give a password of 8 or more characters on stdin.');
    await saveUser(dataOf(values).users, { username, role }, value);
    return 0;
  },

  gpu: async ({ json }) => {
    const log = { info: () => undefined, warn: () => undefined };
    const found = await findGpus({ ...engineSettings(process.env), engine: 'auto' }, tmpdir(), log);
    if (json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    else for (const line of describeGpus(found)) process.stdout.write(`${line}\n`);
    return found.usable.length > 0 ? 0 : 1;
  },

  klv: async ({ report, geojson }, files) => {
    if (files.length === 0) throw new UsageError('Which file?');
    if (report && geojson) throw new UsageError('--report or --geojson, not both.');
    for (const file of files) {
      if (report || geojson) {
        process.stdout.write(`${await (report ? klvReport : klvTrack)(fromCaller(file))}\n`);
        continue;
      }
      for await (const line of klvLines(fromCaller(file))) {
        if (!process.stdout.write(`${line}\n`)) await new Promise((done) => process.stdout.once('drain', done));
      }
    }
    return 0;
  },
};

/** In words what the system only has codes for. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path = 'it' } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `There is no file ${path}.`;
  if (code === 'EACCES') return `${path} may not be read or written by this user.`;
  if (code === 'EISDIR') return 'A file is wanted, not a folder.';
  return error.message;
}

async function main(): Promise<number> {
  try {
    setConfinement(confineSettings(process.env));
    const { values, positionals } = parse(process.argv.slice(2));
    const [name = '', ...words] = positionals;
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (values.help || !command) {
      process.stderr.write(`${usage}\n`);
      return values.help ? 0 : 2;
    }
    return await command(values, words);
  } catch (error) {
    const told =
      error instanceof UsageError ||
      (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));
    if (told) {
      process.stderr.write(`${error.message}\n\n${usage}\n`);
      return 2;
    }
    process.stderr.write(`sortie: ${messageOf(error)}\n`);
    return error instanceof GatewayError ? 1 : 3;
  }
}

// Whoever reads us has had enough, as `head` does.
process.stdout.on('error', () => process.exit(0));

process.exitCode = await main();
