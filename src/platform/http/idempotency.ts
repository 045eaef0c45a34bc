import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Database } from '../database/database.ts';
import { Problem } from './problems.ts';

/** A caller's idempotency key, scoped to its API key, with a hash of what was asked. */
export interface RequestKey {
  readonly key: string;
  readonly requestHash: string;
}

const KEY = /^[\x21-\x7e]{1,200}$/;

/** The request's `Idempotency-Key`; undefined where none was given and none is required. */
export function requestKey(request: FastifyRequest, required: boolean): RequestKey | undefined {
  const given = request.headers['idempotency-key'];
  if (given === undefined) {
    if (required)
      throw new Problem(
        'IDEMPOTENCY_KEY_REQUIRED',
        'Send an Idempotency-Key header: a fresh value per intent, the same value when repeating it.',
      );
    return undefined;
  }
  if (typeof given !== 'string' || !KEY.test(given))
    throw new Problem('VALIDATION_FAILED', 'The Idempotency-Key must be 1 to 200 printable characters without spaces.');
  const hash = createHash('sha256')
    .update(`${request.method} ${request.url}\n`)
    .update(JSON.stringify(request.body) ?? '');
  return { key: `${request.principal.name}:${given}`, requestHash: hash.digest('base64url') };
}

export function assertSameRequest(stored: string, asked: string): void {
  if (stored !== asked)
    throw new Problem(
      'IDEMPOTENCY_KEY_REUSED',
      'This Idempotency-Key was used with another request. Use a fresh key for a new intent.',
    );
}

/** The stored answer to a repeated request, or undefined where it is new. */
export async function storedAnswer<Answer>(
  database: Database,
  key: RequestKey | undefined,
): Promise<Answer | undefined> {
  if (!key) return undefined;
  const [row] = await database.query<{ request_hash: string; answer: Answer }>(
    'select request_hash, answer from log.idempotency_keys where key = $1',
    [key.key],
  );
  if (!row) return undefined;
  assertSameRequest(row.request_hash, key.requestHash);
  return row.answer;
}
