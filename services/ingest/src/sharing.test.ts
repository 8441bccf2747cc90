// Who sees what: each viewer, each sharing of a service, each of a layer in it.
import { Sharing } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { Viewer } from '@sortie/common/identity/speaker';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { layerSharing, maySeeLayer, maySeeService, serviceSharing } from './sharing.js';

const { SHARING_UNSPECIFIED: none, SHARING_PRIVATE: ownerOnly, SHARING_ORGANIZATION: all, SHARING_PUBLIC: everybody } = Sharing; // prettier-ignore
const letters: Record<string, Sharing> = { '-': none, P: ownerOnly, O: all, E: everybody };
const named = (letter: string): Sharing => letters[letter] ?? none;

/** The owner of the service, of the layer, another user, a visitor, and whoever sees all. */
const viewers: Viewer[] = [{ username: 'ana' }, { username: 'lea' }, { username: 'ben' }, 'visitor', 'all'];

test('a service is seen by its owner, the organization, or everybody', () => {
  const table: [string, string][] = [
    ['-', '+---+'],
    ['P', '+---+'],
    ['O', '+++-+'],
    ['E', '+++++'],
  ];
  for (const [sharing, expected] of table) {
    const seen = viewers.map((viewer) => maySeeService(viewer, { owner: 'ana', sharing: named(sharing) }) ? '+' : '-'); // prettier-ignore
    assert.is(seen.join(''), expected, sharing);
  }
});

test('a layer is never more open than its service', () => {
  // Service, layer, what counts, and who of the viewers sees it.
  const table: [string, string, string, string][] = [
    ['-', '-', 'P', '+---+'],
    ['-', 'E', 'P', '+---+'],
    ['P', '-', 'P', '+---+'],
    ['P', 'P', 'P', '+---+'],
    ['P', 'O', 'P', '+---+'],
    ['P', 'E', 'P', '+---+'],
    ['O', '-', 'O', '+++-+'],
    ['O', 'P', 'P', '++--+'],
    ['O', 'O', 'O', '+++-+'],
    ['O', 'E', 'O', '+++-+'],
    ['E', '-', 'E', '+++++'],
    ['E', 'P', 'P', '++--+'],
    ['E', 'O', 'O', '+++-+'],
    ['E', 'E', 'E', '+++++'],
  ];
  for (const [service, layer, counts, expected] of table) {
    assert.is(layerSharing(named(service), named(layer)), named(counts), `${service} ${layer}`);
    const seen = viewers.map((viewer) =>
      maySeeLayer(viewer, { owner: 'ana', sharing: named(service) }, { owner: 'lea', sharing: named(layer) }) ? '+' : '-',
    ); // prettier-ignore
    assert.is(seen.join(''), expected, `${service} ${layer}`);
  }
});

test('a word of a newer version is the narrowest', () => {
  const unknown = Sharing.UNRECOGNIZED;
  assert.is(serviceSharing(unknown), ownerOnly);
  assert.is(layerSharing(everybody, unknown), ownerOnly);
  assert.not(maySeeService({ username: 'ben' }, { owner: 'ana', sharing: unknown }));
});

test.run();
