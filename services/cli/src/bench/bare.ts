// Program: a bare Fastify route that answers with the bytes given as its parameter; the yardstick for the gateway.
import { announce } from '@sortie/common/process';
import { fastify } from 'fastify';

const body = process.argv[2] ?? '';
const app = fastify();
app.get('/job', (_, reply) => reply.header('content-type', 'application/json; charset=utf-8').send(body));
await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
announce(typeof address === 'object' && address !== null ? address.port : 0, 0);
process.on('disconnect', () => process.exit(0));
