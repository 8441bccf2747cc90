// Stored bytes by user, with two processes on one storage.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { Layer, type File } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { openStorage, type Storage } from '@sortie/common/storage';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Catalogue } from './catalogue.js';
import { Admission } from './limits.js';
import { Usage } from './usage.js';

const it = suite<{ directory: string; storage: Storage; catalogue: Catalogue }>('usage');

it.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-usage-'));
  context.storage = await openStorage(context.directory);
  context.catalogue = new Catalogue(context.storage);
});
it.after.each(async ({ directory }) => {
  await rm(directory, { recursive: true });
});

async function* bytes(count: number): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.alloc(count, 0x47));
}

const upload = ({ catalogue }: { catalogue: Catalogue }, owner: string, count: number): Promise<File> =>
  catalogue.upload('a.ts', bytes(count), () => ({ owner, description: '' }), Infinity);

async function publish({ catalogue }: { catalogue: Catalogue }, owner: string, sizeBytes: number): Promise<void> {
  const { layerId } = await catalogue.reserveLayer('S', { layerName: 'L', description: '' }, { owner, requestId: '', asked: null }); // prettier-ignore
  const jobId = 'j00000000-0000-4000-8000-000000000001';
  const layer = Layer.fromPartial({ serviceName: 'S', layerId, owner, sizeBytes, jobId });
  await catalogue.complete('S', layerId, `${jobId}-1`, { version: 1, layer, files: [] });
  await catalogue.publish('S', layerId, `${jobId}-1`);
}

async function refusal(act: Promise<unknown>): Promise<SortieError> {
  try {
    await act;
  } catch (error) {
    return SortieError.from(error);
  }
  throw new Error('it should have been refused');
}

it('uploads and layers count for their owner, whoever stored them, until they are removed', async (context) => {
  const { storage, catalogue } = context;
  const first = await upload(context, 'ana', 1_000);
  await upload(context, 'ben', 10);
  await publish(context, 'ana', 500);
  const usage = new Usage(storage, catalogue);
  assert.is(await usage.of('ana'), 1_500);
  assert.is(await usage.of('ben'), 10);
  assert.is(await usage.of('cem'), 0);
  // By this process: at once, and once.
  const second = await upload(context, 'ana', 300);
  usage.note(second);
  assert.is(await usage.of('ana'), 1_800);
  await usage.look();
  assert.is(await usage.of('ana'), 1_800);
  // By another one, and removed.
  await upload(context, 'ana', 7);
  await storage.remove('uploads', first.fileId);
  await usage.look();
  assert.is(await usage.of('ana'), 807);
});

it('an upload that is stored in the middle of a look stays counted, and a storage that was away is asked again', async (context) => {
  const { storage, catalogue } = context;
  await upload(context, 'ana', 100);
  let away = true;
  let beside: File | null = null;
  const usage: Usage = new Usage(
    {
      children: async (prefix) => {
        if (away) throw new SortieError('STORAGE_FAILED', 'away');
        const names = await storage.children(prefix);
        if (prefix === 'uploads') usage.note((beside ??= await upload(context, 'ana', 7)));
        return names;
      },
    },
    catalogue,
  );
  assert.is((await refusal(usage.of('ana'))).code, 'STORAGE_FAILED');
  away = false;
  assert.is(await usage.of('ana'), 107);
});

it('uploads that come in count together', async (context) => {
  const { storage, catalogue } = context;
  await upload(context, 'ana', 600);
  const admission = new Admission({ storedBytes: 1_000, uploads: 2 }, new Usage(storage, catalogue));
  const [first, second] = [await admission.begin('ana'), await admission.begin('ana')];
  const third = await refusal(admission.begin('ana'));
  assert.is(third.code, 'LIMIT_REACHED');
  assert.match(third.message, /^2 uploads of ana are under way/);
  (await admission.begin('ben')).end();
  first.grow(200);
  second.grow(200);
  const tooMuch = await refusal(Promise.resolve().then(() => second.grow(201)));
  assert.is(tooMuch.code, 'LIMIT_REACHED');
  assert.match(tooMuch.message, /^ana has 1001 bytes stored, and the limit for one user is 1000/);
  second.end();
  first.grow(400);
  first.end();
  admission.note(await upload(context, 'ana', 400));
  assert.is((await refusal(admission.checkRoom('ana'))).code, 'LIMIT_REACHED');
  assert.is((await refusal(admission.begin('ana'))).code, 'LIMIT_REACHED');
  await admission.checkRoom('ben');
});

it.run();
