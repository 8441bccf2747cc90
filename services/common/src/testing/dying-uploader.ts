// Program of a test: begins an upload to the port that it is given, and waits to be killed.
import { IngestServiceClient } from '../gen/sortie/ingest/v1/ingest.js';
import { identity } from './identities.js';
import { connect } from '../grpc.js';

const client = connect(IngestServiceClient, `127.0.0.1:${process.argv[2] ?? ''}`, identity('operator'));
client
  .uploadFile(() => undefined)
  .write({ part: { $case: 'header', value: { fileName: 'a.ts', description: '', owner: 'ana' } } });
