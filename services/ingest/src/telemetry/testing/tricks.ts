// What a telemetry reader in foreign hands may answer. Each is the text of a line, without its end.
import type { ExtractResult, ProbeResult } from '../order.js';

export const probed: ProbeResult = { streams: [256], packets: 3, sidecars: [] };
export const extracted: ExtractResult = {
  packets: 1, kinds: { 'ST 0601': 1 }, extent: { xmin: 7, ymin: 46, xmax: 8, ymax: 47 }, first: 1e15, last: 1e15,
  packetsWithoutItems: 0, cuesLeftOut: 0, incomplete: false, notes: [{ code: 'TELEMETRY_CLOCK', text: 'It is late.' }],
}; // prettier-ignore

const done = (result: unknown): string => JSON.stringify({ kind: 'done', result });
/** As text, for what JSON.stringify does not write. */
const raw = (result: string): string => `{"kind":"done","result":${result}}`;
const mebibyte = 1024 * 1024;

export const honest = { probe: done(probed), extract: done(extracted) };

export const probeTricks = {
  'no object': done('done'),
  'a list': done([probed]),
  nothing: done(null),
  'packets below none': done({ ...probed, packets: -1 }),
  'half a packet': done({ ...probed, packets: 0.5 }),
  'packets beyond all numbers': raw('{"streams":[256],"packets":1e999,"sidecars":[]}'),
  'packets as words': done({ ...probed, packets: '3' }),
  'a stream that is no number': done({ ...probed, streams: [{}] }),
  'more streams than there can be': done({ ...probed, streams: Array.from({ length: 8193 }, () => 1) }),
  'sidecars that nobody gave': done({ ...probed, sidecars: [1, 2, 3] }),
  'an answer from the prototype': raw(`{"__proto__":${JSON.stringify(probed)}}`),
  'a length that is a lie': raw('{"streams":{"length":4294967295},"packets":1,"sidecars":[]}'),
  'arrays in arrays without end': raw(`${'['.repeat(400_000)}${']'.repeat(400_000)}`),
  'objects without end': raw(`[${'{},'.repeat(300_000)}{}]`),
  'more than an answer can have': done({ ...probed, more: 'x'.repeat(2 * mebibyte) }),
  'half of a line': honest.probe.slice(0, -2),
  'a failure without a reason': '{"kind":"failed","code":{},"message":[]}',
  'a code of no list': '{"kind":"failed","code":"__proto__","message":"a message"}',
} as const;

export const extractTricks = {
  'no object': done(17),
  'a kind with a name of kilobytes': done({ ...extracted, kinds: { ['x'.repeat(5_000)]: 1 } }),
  'kinds without end': done({ ...extracted, kinds: Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, 1])) }),
  'a kind that is no count': done({ ...extracted, kinds: { 'ST 0601': 'all' } }),
  'a place beyond the world': done({ ...extracted, extent: { xmin: -1e9, ymin: 0, xmax: 1e9, ymax: 0 } }),
  'a place without sides': done({ ...extracted, extent: [] }),
  'a time beyond all': done({ ...extracted, first: 1e300 }),
  'a note with a code of its own': done({ ...extracted, notes: [{ code: 'constructor', text: 'x' }] }),
  'a note of a mebibyte': done({ ...extracted, notes: [{ code: 'TELEMETRY_CLOCK', text: 'x'.repeat(mebibyte - 2_000) }] }),
  'notes without end': done({ ...extracted, notes: Array.from({ length: 500 }, () => extracted.notes[0]) }),
  'incomplete as a word': done({ ...extracted, incomplete: 'false' }),
  'an answer from the prototype': raw(`{"__proto__":${JSON.stringify(extracted)}}`),
} as const; // prettier-ignore

/** Those that no line can say. */
export const endless = ['lines without end', 'a line without end'] as const;
