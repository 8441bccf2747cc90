// What errors of the system become.
import { Metadata, status } from '@grpc/grpc-js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fromFileSystem, isCircumstance, SortieError } from './errors.js';

const thrown = (code: string, syscall: string): Error => Object.assign(new Error(`${code}: /var/lib/sortie/x`), { code, syscall }); // prettier-ignore

test('errors of a file system by their number; none shows a path', () => {
  const cases: [string, string][] = [
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EFBIG', 'LIMIT_EXCEEDED'],
    ['EROFS', 'STORAGE_FAILED'],
    ['EIO', 'STORAGE_FAILED'],
    ['EACCES', 'STORAGE_FAILED'],
    ['ENOENT', 'STORAGE_FAILED'],
  ];
  for (const [number, code] of cases) {
    const error = SortieError.from(thrown(number, 'write'));
    assert.is(error.code, code, number);
    assert.not.match(error.message, '/var/lib');
  }
});

test('other errors are none of a file system', () => {
  assert.is(fromFileSystem(thrown('ECONNREFUSED', 'connect')), null);
  assert.is(fromFileSystem(thrown('ENOENT', 'spawn ffprobe')), null);
  assert.is(fromFileSystem(Object.assign(new Error('x'), { code: 'ENOSPC' })), null);
  assert.is(fromFileSystem('text'), null);
  assert.is(SortieError.from(thrown('ERR_SOMETHING', 'write')).code, 'INTERNAL');
});

test('a service of the version before that does not know a call is away for a moment', () => {
  const thrown = Object.assign(new Error('12 UNIMPLEMENTED'), { code: status.UNIMPLEMENTED, details: 'unknown method', metadata: new Metadata() }); // prettier-ignore
  assert.is(SortieError.from(thrown).code, 'UNAVAILABLE');
});

test('a code that is not known counts as a fault of the work', () => {
  assert.ok(isCircumstance('WORKER_LOST'));
  assert.not(isCircumstance('ENGINE_CRASHED'));
  assert.not(isCircumstance('constructor'));
});

test.run();
