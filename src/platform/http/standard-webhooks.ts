import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Messages signed by the Standard Webhooks specification 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`. */

/** A message is small; nobody proves who they are before all of it was read. */
export const WEBHOOK_MAX_BYTES = 64 * 1024;
/** What each message comes with, as the API describes it. */
export const WEBHOOK_HEADERS = {
  'webhook-id': { description: 'Id of the message, the same when it is repeated' },
  'webhook-timestamp': { description: 'When it was sent, in seconds since 1970' },
  'webhook-signature': { description: 'HMAC-SHA256 of id, timestamp and body: `v1,…`' },
} as const;
export const SIGNATURES_MAX_CHARACTERS = 2_000;
/** How far a message may be from now, in either direction. */
const TOLERANCE_MS = 5 * 60_000;
const PREFIX = 'whsec_';
export const NOT_NOW = 'The timestamp is not within five minutes of now.';

/** Whether a time in seconds since 1970, as a header says it, is within five minutes of now. */
export function isNow(timestampS: string, nowMs: number): boolean {
  return /^\d{1,12}$/.test(timestampS) && Math.abs(nowMs - Number(timestampS) * 1000) <= TOLERANCE_MS;
}

/** The bytes of a secret, which is written in base64, with or without `whsec_`. */
export function keyOfSecret(secret: string): Buffer {
  return Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, 'base64');
}

/** Why a message cannot be authentic and recent whatever its body is; undefined where it can. */
export function standardHeadProblem(headers: IncomingHttpHeaders, nowMs: number): string | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signature !== 'string')
    return 'webhook-id, webhook-timestamp and webhook-signature are required.';
  if (!isNow(timestamp, nowMs)) return NOT_NOW;
  if (signature.length > SIGNATURES_MAX_CHARACTERS || !signature.split(' ').some((part) => part.startsWith('v1,')))
    return 'webhook-signature must hold a signature of version 1: v1,….';
  return undefined;
}

/**
 * Why a message is not authentic and recent, verified on its bytes as sent; undefined where it is. Any of the secrets
 * will do, and any of the signatures, so that either side can replace its secret without losing a message.
 */
export function standardProblem(
  headers: IncomingHttpHeaders,
  body: Buffer,
  secrets: readonly string[],
  nowMs: number,
): string | undefined {
  const problem = standardHeadProblem(headers, nowMs);
  if (problem !== undefined) return problem;
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  const given = String(signature)
    .split(' ')
    .filter((part) => part.startsWith('v1,'))
    .map((part) => Buffer.from(part.slice(3), 'base64'));
  for (const secret of secrets) {
    const expected = createHmac('sha256', keyOfSecret(secret))
      .update(`${String(id)}.${String(timestamp)}.`)
      .update(body)
      .digest();
    if (given.some((one) => one.length === expected.length && timingSafeEqual(one, expected))) return undefined;
  }
  return 'No signature matches.';
}
