import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { takesCoding } from '#platform/http/finished-answers.ts';
import type { Logger } from '#platform/telemetry/logger.ts';

/** The built console, out of memory: it is small, and compressed when it is built. */

/** Where `npm start` and the image have the built console. */
export const CONSOLE_FOLDER = join(import.meta.dirname, '../../../console/dist');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
};
/** The best first; a browser says which it takes. */
const CODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;
/** Assets have a hash of what is in them in their names. */
const FOREVER = 'public, max-age=31536000, immutable';
const NONCE = '__NONCE__';
const NONCE_BYTES = 18;

interface File {
  readonly type: string;
  readonly etag: string;
  readonly bodies: ReadonlyMap<string, Buffer>;
}

interface Built {
  readonly page: string;
  readonly files: ReadonlyMap<string, File>;
}

async function readBuilt(folder: string): Promise<Built> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  const files = new Map<string, File>();
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const body = await readFile(join(folder, name));
    const bodies = new Map([['identity', body]]);
    for (const [coding, suffix] of CODINGS)
      if (names.includes(`${name}${suffix}`)) bodies.set(coding, await readFile(join(folder, `${name}${suffix}`)));
    files.set(name, { type, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`, bodies });
  }
  const page = files.get('index.html')?.bodies.get('identity')?.toString();
  if (page === undefined) throw new Error(`${folder} has no index.html`);
  return { page, files };
}

/** Headers of every answer: the page may load what is ours, send to us, and be framed by nobody. */
function secure(reply: FastifyReply, nonce: string, https: boolean): FastifyReply {
  const policy = [
    `default-src 'none'`,
    `script-src 'self'`,
    `style-src 'self' 'nonce-${nonce}'`,
    `img-src 'self' data:`,
    `font-src 'self'`,
    `connect-src 'self'`,
    `frame-src 'self'`,
    `manifest-src 'self'`,
    `base-uri 'none'`,
    `form-action 'self'`,
    `frame-ancestors 'none'`,
  ];
  return reply.headers({
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(self), geolocation=(), microphone=(), payment=()',
    ...(https && { 'strict-transport-security': 'max-age=31536000' }),
  });
}

const MISSING = `<!doctype html><html lang="en"><meta charset="utf-8"><title>OLMS</title><body><h1>The console is not built</h1><p>The system runs. To build its console, this machine needs a registry of npm packages: run <code>npm run console</code>, then load this page again. The API is described at <a href="/docs">/docs</a>.</p></body></html>`;

/** `GET /console/…`, and `/`, which leads there. */
export function consoleFiles(
  app: FastifyInstance,
  { folder, https, logger }: { readonly folder: string; readonly https: () => boolean; readonly logger: Logger },
): void {
  let built: Promise<Built> | undefined;
  /** Looked for again until it is there: it may be built while the system runs. */
  const find = async (): Promise<Built | undefined> => {
    if (!built && !existsSync(join(folder, 'index.html'))) return undefined;
    built ??= readBuilt(folder);
    try {
      return await built;
    } catch (error) {
      built = undefined;
      logger.warn({ err: error }, 'the built console could not be read');
      return undefined;
    }
  };
  const open = { config: { public: true }, schema: { hide: true } } as const;

  app.get('/', open, async (_request, reply) => reply.header('cache-control', 'no-cache').redirect('/console/'));
  app.get('/console', open, async (_request, reply) => reply.header('cache-control', 'no-cache').redirect('/console/'));
  app.get<{ Params: { '*': string } }>('/console/*', open, async (request, reply) => {
    const found = await find();
    const nonce = randomBytes(NONCE_BYTES).toString('base64');
    secure(reply, nonce, https());
    if (!found) return reply.code(503).header('retry-after', '30').type(TYPES['.html']!).send(MISSING);
    const path = request.params['*'];
    const file = path === 'index.html' ? undefined : found.files.get(path);
    if (file) return sendFile(request, reply, path, file);
    if (path.startsWith('assets/')) return reply.callNotFound();
    // Every other path is one of the console's own pages, which it reads from the address.
    return reply.header('cache-control', 'no-store').type(TYPES['.html']!).send(found.page.replaceAll(NONCE, nonce));
  });
}

function sendFile(request: FastifyRequest, reply: FastifyReply, path: string, file: File): FastifyReply {
  void reply
    .header('cache-control', path.startsWith('assets/') ? FOREVER : 'no-cache')
    .header('etag', file.etag)
    .header('vary', 'accept-encoding');
  if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
  const taken = request.headers['accept-encoding'];
  const coding = CODINGS.find(([name]) => file.bodies.has(name) && takesCoding(taken, name))?.[0];
  if (coding !== undefined) void reply.header('content-encoding', coding);
  return reply.type(file.type).send(file.bodies.get(coding ?? 'identity'));
}
