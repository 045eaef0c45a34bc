import type { IncomingHttpHeaders } from 'node:http';

/**
 * What the head of a webhook alone says about it, before its body is taken from somebody who has not said who they are:
 * by Standard Webhooks 1.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`), or by `stripe-signature`.
 */

/** A notice is small; nobody proves who they are before all of it was read. */
export const WEBHOOK_MAX_BYTES = 64 * 1024;
/** How far a webhook may be from now, in either direction. */
const TOLERANCE_MS = 5 * 60_000;
const SIGNATURES_MAX_CHARACTERS = 2_000;
const NOT_NOW = 'The timestamp is not within five minutes of now.';

function isNow(timestampS: string, nowMs: number): boolean {
  return /^\d{1,12}$/.test(timestampS) && Math.abs(nowMs - Number(timestampS) * 1000) <= TOLERANCE_MS;
}

/** Why a message cannot be authentic and recent by Standard Webhooks whatever its body is; undefined where it can. */
export function standardHeadProblem(headers: IncomingHttpHeaders, nowMs: number): string | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signature !== 'string')
    return 'webhook-id, webhook-timestamp and webhook-signature are required.';
  if (!isNow(timestamp, nowMs)) return NOT_NOW;
  if (signature.length > SIGNATURES_MAX_CHARACTERS || !signature.split(' ').some((part) => part.startsWith('v1,')))
    return 'webhook-signature must hold a signature of version 1: v1,….';
  return undefined;
}

/** The same of `stripe-signature: t=…,v1=…`. Its SDK bounds the age alone, so the future is bounded here. */
export function stripeHeadProblem(headers: IncomingHttpHeaders, nowMs: number): string | undefined {
  const { 'stripe-signature': signature } = headers;
  if (typeof signature !== 'string' || signature.length > SIGNATURES_MAX_CHARACTERS)
    return 'stripe-signature is required.';
  const parts = signature.split(',').map((part) => part.trim().split('='));
  const times = parts.filter(([name]) => name === 't');
  if (times.length !== 1 || !isNow(times[0]![1] ?? '', nowMs)) return NOT_NOW;
  return parts.some(([name]) => name === 'v1') ? undefined : 'stripe-signature must hold a signature v1=….';
}

/** The same of a message whose provider is not known yet. */
export function webhookHeadProblem(headers: IncomingHttpHeaders, nowMs: number): string | undefined {
  const head = headers['stripe-signature'] === undefined ? standardHeadProblem : stripeHeadProblem;
  return head(headers, nowMs);
}
