import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { refusal, readText, values } from '../sample/sidecar.js';

const it = suite('files of subtitles');

const block = (second: number, text: string, end = '\n\n'): string =>
  `${second + 1}\n00:00:0${second},000 --> 00:00:0${second + 1},000\n${text}${end}`;
const place = (second: number): string => `[latitude: 46.${second}] [longitude: 7.${second}]`;
const four = [0, 1, 2, 3];
const expected = four.map((second) => [46 + second / 10, 7 + second / 10]);

// prettier-ignore
const files: readonly (readonly [name: string, file: string, text: string | Buffer])[] = [
  ['blank lines between', 'a.srt', four.map((second) => block(second, place(second))).join('')],
  ['none between', 'a.srt', four.map((second) => block(second, place(second), '\n')).join('')],
  ['none, and lines end as in Windows', 'a.srt', four.map((second) => block(second, place(second), '\n')).join('').replaceAll('\n', '\r\n')],
  ['blank lines within', 'a.srt', four.map((second) => block(second, `\n${place(second)}`)).join('')],
  ['numbers of blocks are missing', 'a.srt', four.map((second) => block(second, place(second)).replace(/^\d+\n/, '')).join('')],
  ['the last number of a block is not taken for that of the next', 'a.srt', four.map((second) => block(second, `latitude: 46.${second}\nlongitude: 7.${second}`, '\n')).join('')],
  ['UTF-8 with its mark', 'a.srt', `\uFEFF${four.map((second) => block(second, place(second))).join('')}`],
  ['UTF-16', 'a.srt', Buffer.from(`\uFEFF${four.map((second) => block(second, place(second))).join('')}`, 'utf16le')],
  ['UTF-16 without a mark', 'a.srt', Buffer.from(four.map((second) => block(second, place(second))).join(''), 'utf16le').swap16()],
  ['.ass', 'a.ASS', `[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n${four.map((second) => `Dialogue: 0,0:00:0${second}.00,0:00:0${second + 1}.00,Default,,0,0,0,,HOME(E: 7, N: 46) 2020-11-01 15:29:24\\NGPS(E: 7.${second}00000, N: 46.${second}00000, 161) \\NISO:105`).join('\n')}\n`],
];
for (const [name, file, text] of files)
  it(name, async () => {
    const { packets, notes } = await readText(file, text);
    assert.equal(values(packets, 13, 14), expected);
    assert.equal(packets.map(({ mediaTime }) => mediaTime), four); // prettier-ignore
    assert.equal(notes, []);
  });

it('blocks that cannot be read are counted', async () => {
  const text = [place(0), '[latitude: 46.1.1] [longitude: 7.1]', 'no place', '[latitude: 46.3.1] [longitude: 7.3]'].map((text, second) => block(second, text)).join(''); // prettier-ignore
  const { packets, notes } = await readText('a.srt', text);
  assert.is(packets.length, 1);
  assert.equal(notes, ['In a.srt, 2 blocks are left out; the first is the block at 00:00:01,000: its latitude and longitude are no two numbers in decimal degrees ("46.1.1 and 7.1").']); // prettier-ignore
});

it('blocks in another order', async () => {
  const { packets, notes } = await readText('a.srt', block(2, place(2)) + block(0, place(0)));
  assert.equal(packets.map(({ mediaTime }) => mediaTime), [0, 2]); // prettier-ignore
  assert.is(notes.length, 1);
});

it('radians are told', async () => {
  const { packets, notes } = await readText('a.srt', block(0, '[latitude : 0.722922] [longtitude : 0.037737]'));
  assert.equal(values(packets, 13, 14), [[41.4204, 2.1622]]);
  assert.match(notes[0] ?? '', /radians/);
});

it('refused: nothing decides which number is the latitude', async () => {
  const text = block(0, 'GPS(39.9062,16.3913,69.8)') + block(1, 'GPS(39.9063,16.3914,69.9)');
  assert.match(await refusal(readText('a.srt', text)), /^a\.srt, the block at 00:00:00,000: it is in doubt which of its two numbers is the latitude/); // prettier-ignore
});

it.run();
