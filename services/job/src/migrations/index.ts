import { statementsOf, type Migration } from '@sortie/common/migrate';
import { sql as book } from './0001_book.js';
import { sql as workers } from './0002_workers.js';
import { statements as leases } from './0003_leases.js';
import { statements as indexes } from './0004_indexes.js';
import { statements as turns } from './0005_turns.js';
import { statements as audit } from './0006_audit.js';
import { statements as waiting } from './0007_waiting.js';

/** In order; what has landed is never changed, and each works beside the programs of the version before. */
export const migrations: readonly Migration[] = [
  { name: '0001_book', statements: statementsOf(book) },
  { name: '0002_workers', statements: statementsOf(workers) },
  { name: '0003_leases', statements: leases },
  { name: '0004_indexes', statements: indexes, concurrently: true },
  { name: '0005_turns', statements: turns },
  { name: '0006_audit', statements: audit },
  { name: '0007_waiting', statements: waiting, concurrently: true },
];
