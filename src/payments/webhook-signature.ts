import { createHmac, timingSafeEqual } from 'node:crypto';

/** Verifies webhooks by the Standard Webhooks specification 1.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`). */

const TOLERANCE_MS = 5 * 60_000;
const PREFIX = 'whsec_';

export interface SignedMessage {
  readonly id: unknown;
  readonly timestamp: unknown;
  readonly signature: unknown;
  readonly body: Buffer;
}

/** The reason a message is not authentic and recent, or undefined where it is. */
export function signatureProblem(message: SignedMessage, secret: string, nowMs: number): string | undefined {
  const { id, timestamp, signature, body } = message;
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signature !== 'string')
    return 'webhook-id, webhook-timestamp and webhook-signature are required.';
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs - Number(timestamp) * 1000) > TOLERANCE_MS)
    return 'The timestamp is not within five minutes of now.';
  const key = Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  // Several signatures are allowed, so that a secret can be rotated.
  for (const part of signature.split(' ')) {
    if (!part.startsWith('v1,')) continue;
    const given = Buffer.from(part.slice(3), 'base64');
    if (given.length === expected.length && timingSafeEqual(given, expected)) return undefined;
  }
  return 'No signature matches.';
}
