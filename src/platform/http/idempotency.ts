import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import type { Database } from '#platform/database/database.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { Problem } from './problems.ts';

/** A caller's idempotency key, scoped to the client that its API key belongs to, with a hash of what was asked. */
export interface RequestKey {
  readonly key: string;
  readonly requestHash: string;
}

const KEY = /^[\x21-\x7e]{1,200}$/;

/**
 * The request's `Idempotency-Key`; undefined where none was given and none is required. Only routes whose
 * `config.idempotencyKey` says so take one.
 */
export function requestKey(request: FastifyRequest): RequestKey | undefined {
  const given = request.headers['idempotency-key'];
  if (given === undefined) {
    if (request.routeOptions.config.idempotencyKey === 'required')
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
  const { name, client = name } = request.principal;
  return { key: `${client}:${given}`, requestHash: hash.digest('base64url') };
}

export function assertSameRequest(stored: string, asked: string): void {
  if (stored !== asked)
    throw new Problem(
      'IDEMPOTENCY_KEY_REUSED',
      'This Idempotency-Key was used with another request. Use a fresh key for a new intent.',
    );
}

/** An answer as it is kept under a key. */
export interface StoredReply<Answer> {
  readonly status: number;
  readonly answer: Answer;
}

/** What a repeated request was answered the first time, or undefined where it is new. */
export async function storedReply<Answer>(
  database: Database,
  key: RequestKey | undefined,
): Promise<StoredReply<Answer> | undefined> {
  if (!key) return undefined;
  const [row] = await database.query<{ request_hash: string; status: number; answer: Answer }>(
    'select request_hash, status, answer from log.idempotency_keys where key = $1',
    [key.key],
  );
  if (!row) return undefined;
  assertSameRequest(row.request_hash, key.requestHash);
  return { status: row.status, answer: row.answer };
}

/** Like {@link storedReply}, for a route that always answers with one status. */
export async function storedAnswer<Answer>(
  database: Database,
  key: RequestKey | undefined,
): Promise<Answer | undefined> {
  return (await storedReply<Answer>(database, key))?.answer;
}

/** Keeps an answer under a key; part of the statement that does what was asked. */
export function keepReply(key: RequestKey, { status, answer }: StoredReply<unknown>): Write {
  return insertRows(
    'keys',
    'log.idempotency_keys',
    { key: 'text', request_hash: 'text', status: 'integer', answer: 'json' },
    [{ key: key.key, request_hash: key.requestHash, status, answer }],
  );
}

const IN_FLIGHT = 102;
const IN_FLIGHT_PATIENCE_MS = 10_000;
const POLL_MS = 100;
/** A claim this old belongs to a process that died. */
const ABANDONED_MS = 60_000;

export interface ClaimedAct<Mark, Answer> {
  /** What shows later whether the act has happened; kept with the claim. */
  readonly mark: () => Promise<Mark>;
  readonly act: () => Promise<Answer>;
  /** The answer to an act whose process died, if it happened. */
  readonly happened: (mark: Mark) => Promise<Answer | undefined>;
}

/** A claim as whoever holds it knows it: when it was made or taken over, to the microsecond. */
interface Claim<Mark> {
  readonly mark: Mark;
  readonly claimedAt: string;
}

/**
 * Does once under a key what cannot be saved in one statement with it: the key is claimed, then the act is done,
 * then its answer is kept. A repeat that comes meanwhile waits for that; one that finds an abandoned claim takes it over,
 * which one of several does, looks whether the act happened, and does it where it did not.
 */
export async function actOnce<Mark, Answer>(
  database: Database,
  key: RequestKey | undefined,
  { mark, act, happened }: ClaimedAct<Mark, Answer>,
): Promise<Answer> {
  if (!key) return act();
  const keep = async (answer: Answer): Promise<Answer> => {
    await database.query('update log.idempotency_keys set status = 200, answer = $2 where key = $1', [
      key.key,
      JSON.stringify(answer),
    ]);
    return answer;
  };
  const actAs = async ({ claimedAt }: Claim<Mark>): Promise<Answer> => {
    const answer = await act().catch(async (error: unknown) => {
      // Only this claim: somebody may have taken it over from us.
      await database.query(
        'delete from log.idempotency_keys where key = $1 and status = $2 and created_at::text = $3',
        [key.key, IN_FLIGHT, claimedAt],
      );
      throw error;
    });
    return keep(answer);
  };
  const deadlineMs = Date.now() + IN_FLIGHT_PATIENCE_MS;
  for (;;) {
    const claimed = await makeClaim(database, key, await mark());
    if (claimed) return actAs(claimed);
    const before = await storedReply<Mark | Answer>(database, key);
    if (before && before.status !== IN_FLIGHT) return before.answer as Answer;
    const taken = await takeOverClaim<Mark>(database, key);
    if (taken) {
      const answer = await happened(taken.mark);
      return answer === undefined ? actAs(taken) : keep(answer);
    }
    if (Date.now() > deadlineMs)
      throw new Problem('UNAVAILABLE', 'The first request with this Idempotency-Key is still being worked on.');
    await sleep(POLL_MS);
  }
}

/** Undefined where somebody has claimed the key. */
async function makeClaim<Mark>(database: Database, key: RequestKey, mark: Mark): Promise<Claim<Mark> | undefined> {
  const [row] = await database.query<{ claimed_at: string }>(
    'insert into log.idempotency_keys (key, request_hash, status, answer) values ($1, $2, $3, $4) on conflict do nothing returning created_at::text as claimed_at',
    [key.key, key.requestHash, IN_FLIGHT, JSON.stringify(mark)],
  );
  return row && { mark, claimedAt: row.claimed_at };
}

/** An abandoned claim, from now on ours; undefined where there is none, or somebody else was faster. */
async function takeOverClaim<Mark>(database: Database, key: RequestKey): Promise<Claim<Mark> | undefined> {
  const [row] = await database.query<{ mark: Mark; claimed_at: string }>(
    `update log.idempotency_keys set created_at = clock_timestamp()
     where key = $1 and status = $2 and created_at < clock_timestamp() - make_interval(secs => $3)
     returning answer as mark, created_at::text as claimed_at`,
    [key.key, IN_FLIGHT, ABANDONED_MS / 1000],
  );
  return row && { mark: row.mark, claimedAt: row.claimed_at };
}
