import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isKnown, rangeHolds } from './conditions.js';
import { parseRange } from './range.js';

const past = Number.MAX_SAFE_INTEGER;

test('a range is read as RFC 9110 has it; numbers of any length are numbers', () => {
  assert.equal(parseRange('bytes=0-499'), { offset: 0, length: 500 });
  assert.equal(parseRange('bytes=500-'), { offset: 500, length: undefined });
  assert.equal(parseRange('bytes=-500'), { offset: -500, length: undefined });
  assert.equal(parseRange('bytes=99999999999999999999999-'), { offset: past, length: undefined });
  assert.equal(parseRange('bytes=9223372036854775808-'), { offset: past, length: undefined });
  assert.equal(parseRange('bytes=0-99999999999999999999999'), { offset: 0, length: past });
  assert.equal(parseRange('bytes=-99999999999999999999999'), { offset: -past, length: undefined });
  assert.equal(parseRange('bytes=-0'), { offset: past, length: 0 });
  for (const nonsense of [undefined, '', 'bytes=-', 'bytes=4-2', 'lines=1-2', 'bytes=0-1,3-4', 'bytes=a-b']) {
    assert.is(parseRange(nonsense), null, nonsense);
  }
});

test('If-None-Match is a list, compared weakly; If-Range is one strong tag', () => {
  const etag = '"abc"';
  for (const known of [etag, 'W/"abc"', '"x", "abc"', '"x",W/"abc" , "y"', '*', ' * ']) {
    assert.is(isKnown(known, etag), true, known);
  }
  for (const unknown of [undefined, '', '"x"', 'abc', '"xabc"', '"x", "y"']) {
    assert.is(isKnown(unknown, etag), false, unknown);
  }
  assert.is(rangeHolds(undefined, etag), true);
  assert.is(rangeHolds(etag, etag), true);
  for (const other of ['W/"abc"', '"x"', 'Wed, 21 Oct 2015 07:28:00 GMT']) {
    assert.is(rangeHolds(other, etag), false, other);
  }
});

test.run();
