import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ProviderNotice, ProviderWebhooks } from './port.ts';
import { standardHeadProblem } from './webhook-head.ts';

/** Verifies webhooks by the Standard Webhooks specification 1.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`). */

const PREFIX = 'whsec_';

/** Webhooks in JSON, signed with this secret. */
export function standardWebhooks(
  secret: string,
  noticeOf: (payload: unknown) => ProviderNotice | undefined,
): ProviderWebhooks {
  return {
    headProblem: standardHeadProblem,
    async read(headers, body, nowMs) {
      const problem = signatureProblem(headers, body, secret, nowMs);
      return problem === undefined ? { notice: noticeOf(JSON.parse(body.toString())) } : { problem };
    },
  };
}

/** The reason a message is not authentic and recent, or undefined where it is. */
function signatureProblem(
  headers: IncomingHttpHeaders,
  body: Buffer,
  secret: string,
  nowMs: number,
): string | undefined {
  const problem = standardHeadProblem(headers, nowMs);
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
