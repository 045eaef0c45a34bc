import { gzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { GZIP_SUFFIX } from './conditional.ts';
import { varyBy } from './cors.ts';

/** What every answer gets on its way out: who may keep it, and large ones compressed where the caller takes that. */

/** Below this size compressing costs more than it saves. */
export const COMPRESSED_FROM = 8 * 1024;
const GZIP_LEVEL = 4;

/** Calls `onLength` with the size of every answer before it is compressed. */
export function finishAnswers(app: FastifyInstance, onLength: (request: FastifyRequest, length: number) => void): void {
  app.addHook('onSend', (request, reply, payload: unknown, done) => {
    // What a caller may see with a key is nobody else's; with an ETag they may keep it, and ask whether it is still so.
    if (request.principal && !reply.hasHeader('cache-control'))
      void reply.header('cache-control', reply.hasHeader('etag') ? 'private, no-cache' : 'no-store');
    const whole = typeof payload === 'string' ? payload.length : Number(reply.getHeader('content-length') ?? 0);
    onLength(request, whole);
    if (typeof payload !== 'string' || whole < COMPRESSED_FROM || reply.hasHeader('content-encoding')) {
      done(null, payload);
      return;
    }
    varyBy(reply, 'accept-encoding');
    if (!takesCoding(request.headers['accept-encoding'], 'gzip')) {
      done(null, payload);
      return;
    }
    gzip(payload, { level: GZIP_LEVEL }, (error, bytes) => {
      if (error) return done(error);
      const etag = reply.getHeader('etag');
      if (typeof etag === 'string') void reply.header('etag', `${etag.slice(0, -1)}${GZIP_SUFFIX}"`);
      void reply.removeHeader('content-length').header('content-encoding', 'gzip');
      done(null, bytes);
    });
  });
}

/** Whether an `Accept-Encoding` header allows a coding (RFC 9110, section 12.5.3). */
export function takesCoding(header: string | readonly string[] | undefined, wanted: 'gzip' | 'br'): boolean {
  if (header === undefined) return false;
  let any = false;
  for (const part of header.toString().toLowerCase().split(',')) {
    const [coding = '', ...parameters] = part.split(';').map((text) => text.trim());
    const weight = parameters.find((text) => text.startsWith('q='))?.slice(2);
    const allowed = weight === undefined || Number(weight) > 0;
    if (coding === wanted || (wanted === 'gzip' && coding === 'x-gzip')) return allowed;
    if (coding === '*') any = allowed;
  }
  return any;
}
