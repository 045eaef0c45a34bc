import type { IncomingHttpHeaders } from 'node:http';
import { isNow, NOT_NOW, SIGNATURES_MAX_CHARACTERS, standardHeadProblem } from '#platform/http/standard-webhooks.ts';

/**
 * What the head of a webhook alone says about it, before its body is taken from somebody who has not said who they are:
 * by Standard Webhooks 1.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`), by `stripe-signature`,
 * or by PayPal's headers.
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

/** The same of the headers of PayPal: `paypal-transmission-id`, `-time`, `-sig`, and the address of a certificate. */
export function paypalHeadProblem(headers: IncomingHttpHeaders, nowMs: number): string | undefined {
  const wanted = ['paypal-transmission-id', 'paypal-transmission-time', 'paypal-transmission-sig', 'paypal-cert-url'];
  const given = wanted.map((name) => headers[name]);
  if (given.some((value) => typeof value !== 'string' || value.length > SIGNATURES_MAX_CHARACTERS))
    return `${wanted.join(', ')} are required.`;
  if (headers['paypal-auth-algo'] !== 'SHA256withRSA') return 'paypal-auth-algo must be SHA256withRSA.';
  const sentMs = Date.parse(String(given[1]));
  return isNow(String(Math.floor(sentMs / 1000)), nowMs) ? undefined : NOT_NOW;
}

/** The same of a message whose provider is not known yet. */
export function webhookHeadProblem(headers: IncomingHttpHeaders, nowMs: number): string | undefined {
  if (headers['stripe-signature'] !== undefined) return stripeHeadProblem(headers, nowMs);
  if (headers['paypal-transmission-id'] !== undefined) return paypalHeadProblem(headers, nowMs);
  return standardHeadProblem(headers, nowMs);
}
