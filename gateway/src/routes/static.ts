// Scripts, style and hls.js, from this server and no other.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../context.js';

const own = (name: string): Buffer => readFileSync(new URL(`../../static/${name}`, import.meta.url));
const hlsJs = (): Buffer => readFileSync(createRequire(import.meta.url).resolve('hls.js/dist/hls.mjs'));

const javascript = 'text/javascript; charset=utf-8';

export function staticRoutes(app: FastifyInstance, { root }: Context): void {
  const files: [string, string, Buffer][] = [
    ['style.css', 'text/css; charset=utf-8', own('style.css')],
    ['icon.svg', 'image/svg+xml', own('icon.svg')],
    ['job.js', javascript, own('job.js')],
    ['player.js', javascript, own('player.js')],
    ['hls.mjs', javascript, hlsJs()],
  ];
  for (const [name, type, bytes] of files) {
    app.get(`${root}/static/${name}`, (_, reply) =>
      reply.header('content-type', type).header('cache-control', 'public, max-age=3600').send(bytes),
    );
  }
}
