import type { Migration } from '@sortie/common/database';
import { sql as book } from './0001_book.js';
import { sql as workers } from './0002_workers.js';

/** In order; what has landed is never changed. */
export const migrations: readonly Migration[] = [
  { name: '0001_book', sql: book },
  { name: '0002_workers', sql: workers },
];
