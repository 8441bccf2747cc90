import type { Migration } from '@sortie/common/database';
import { sql as book } from './0001_book.js';

/** In order; what has landed is never changed. */
export const migrations: readonly Migration[] = [{ name: '0001_book', sql: book }];
