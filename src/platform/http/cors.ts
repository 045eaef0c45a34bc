import type { FastifyInstance, FastifyReply } from 'fastify';

/**
 * Which pages of other origins may call the API from a browser (the Fetch standard, "CORS protocol"): those of a list, and
 * no others. Keys go in `Authorization`, so nothing is allowed with cookies.
 */

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const REQUEST_HEADERS =
  'Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, traceparent, X-Correlation-Id';
const ANSWER_HEADERS =
  'Deprecation, ETag, Idempotency-Replayed, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, Sunset, WWW-Authenticate, X-Correlation-Id';
/** Browsers ask again at the latest after so long. */
const ALLOWED_FOR_S = 600;

/** The origins of a setting, separated by commas. Throws for what a browser would never send as one. */
export function originsOf(setting: string): ReadonlySet<string> {
  const origins = setting
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  for (const text of origins) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.origin !== text || !/^https?:$/.test(url.protocol))
      throw new Error(`CORS_ORIGINS: ${text} is no origin; write it like https://desk.example.com, without a path`);
  }
  return new Set(origins);
}

/** Notes that an answer depends on a header of its request, beside those it depends on already. */
export function varyBy(reply: FastifyReply, name: string): void {
  const before = reply.getHeader('vary');
  const names = before === undefined ? [] : String(before).split(/\s*,\s*/);
  if (!names.some((one) => one.toLowerCase() === name.toLowerCase()))
    void reply.header('vary', [...names, name].join(', '));
}

/** Lets pages of these origins call every route registered from here on; of any other, browsers refuse the answer. */
export function allowOrigins(app: FastifyInstance, origins: ReadonlySet<string>): void {
  if (origins.size === 0) return;
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    if (origin === undefined || !origins.has(origin)) return;
    void reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': ANSWER_HEADERS });
    // The question before the call comes without a key.
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return;
    varyBy(reply, 'Origin');
    return reply
      .code(204)
      .headers({
        'access-control-allow-methods': METHODS,
        'access-control-allow-headers': REQUEST_HEADERS,
        'access-control-max-age': String(ALLOWED_FOR_S),
      })
      .send();
  });
  app.addHook('onSend', async (_request, reply) => varyBy(reply, 'Origin'));
}
