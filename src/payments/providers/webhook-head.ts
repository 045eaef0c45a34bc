import type { IncomingHttpHeaders } from 'node:http';
import { isNow, NOT_NOW, SIGNATURES_MAX_CHARACTERS, standardHeadProblem } from '#platform/http/standard-webhooks.ts';

/**
 * What the head of a webhook alone says about it, before its body is taken from somebody who has not said who they are:
 * by Standard Webhooks 1.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`), or by `stripe-signature`.
 */

/** Why a message cannot be authentic and recent by `stripe-signature: t=…,v1=…`. Its SDK bounds the age alone, so the future is bounded here. */
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
