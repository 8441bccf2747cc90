// Connections that must not be kept for ever: those whose request is not wanted to its end, and those on which nothing comes.
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** A file descriptor and about 17 KiB each. */
const mostConnections = 8_192;
const lingerMs = 2_000;
const closeIdleMs = 250;

/** A request has a body when it says so (RFC 9112 section 6.3). */
const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * Closes the connection behind the answer, in stages (RFC 9112 section 9.6): our half first, while what still comes in is let
 * go for a moment. Closed at once, the client's machine would throw the answer away with the connection.
 */
function closeBehindAnswer(socket: Socket, reply: FastifyReply): void {
  void reply.header('connection', 'close');
  // Node calls this when the last answer of a connection is out (resOnFinish in lib/_http_server.js).
  socket.destroySoon = () => {
    socket.end();
    setTimeout(() => socket.destroy(), lingerMs).unref();
  };
}

export function limitConnections(app: FastifyInstance): void {
  const { server } = app;
  server.maxConnections = mostConnections;
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  // An answer that comes before the end of its request is a refusal, or the rest does not matter.
  app.addHook('onSend', (request, reply, payload, done) => {
    if (hasBody(request) && !request.raw.complete) closeBehindAnswer(request.raw.socket, reply);
    done(null, payload);
  });
  // Once their answer is complete, connections would be kept open for another request, and hold the end of the gateway up;
  // so would those that have been opened for later.
  app.addHook('preClose', () => {
    const timer = setInterval(() => {
      server.closeIdleConnections();
      for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
    }, closeIdleMs);
    server.once('close', () => clearInterval(timer));
    return Promise.resolve();
  });
}
