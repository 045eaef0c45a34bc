import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Verifies webhooks by the Standard Webhooks specification 1.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`). */

const TOLERANCE_MS = 5 * 60_000;
const PREFIX = 'whsec_';
/** A notice is small; nobody proves who they are before all of it was read. */
export const WEBHOOK_MAX_BYTES = 64 * 1024;
const SIGNATURES_MAX_CHARACTERS = 2_000;

/** Why a message cannot be authentic and recent whatever its body is, or undefined: so much its head alone says. */
export function webhookHeadProblem(headers: IncomingHttpHeaders, nowMs: number): string | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signature !== 'string')
    return 'webhook-id, webhook-timestamp and webhook-signature are required.';
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs - Number(timestamp) * 1000) > TOLERANCE_MS)
    return 'The timestamp is not within five minutes of now.';
  if (signature.length > SIGNATURES_MAX_CHARACTERS || !signature.split(' ').some((part) => part.startsWith('v1,')))
    return 'webhook-signature must hold a signature of version 1: v1,….';
  return undefined;
}

/** The reason a message is not authentic and recent, or undefined where it is. */
export function signatureProblem(
  headers: IncomingHttpHeaders,
  body: Buffer,
  secret: string,
  nowMs: number,
): string | undefined {
  const problem = webhookHeadProblem(headers, nowMs);
  if (problem !== undefined) return problem;
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  const key = Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, 'base64');
  const expected = createHmac('sha256', key)
    .update(`${String(id)}.${String(timestamp)}.`)
    .update(body)
    .digest();
  // Several signatures are allowed, so that a secret can be rotated.
  for (const part of String(signature).split(' ')) {
    if (!part.startsWith('v1,')) continue;
    const given = Buffer.from(part.slice(3), 'base64');
    if (given.length === expected.length && timingSafeEqual(given, expected)) return undefined;
  }
  return 'No signature matches.';
}
