import { createHmac, timingSafeEqual } from 'node:crypto';
import { awaitedAction, type Charge } from './rules.ts';

/** What a customer has to do before a charge goes on, as a bank asks it by 3-D Secure: with a secret, on a page. */

/** The secret of a charge, which its customer alone is given. */
export function clientSecretOf(chargeId: string, secret: string): string {
  return `cs_${createHmac('sha256', secret).update(chargeId).digest('base64url')}`;
}

export function isSecretOf(chargeId: string, secret: string, given: unknown): boolean {
  if (typeof given !== 'string') return false;
  const [expected, actual] = [Buffer.from(clientSecretOf(chargeId, secret)), Buffer.from(given)];
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** What is awaited of the customer, as the shop reads it; `base` is where the provider is reached. */
export function actionOf(
  charge: Charge,
  secret: string,
  base: string,
): { clientSecret: string; redirectUrl?: string } | undefined {
  const kind = awaitedAction(charge);
  if (kind === undefined) return undefined;
  const clientSecret = clientSecretOf(charge.id, secret);
  return kind === 'redirect'
    ? { clientSecret, redirectUrl: `${base}/challenges/${charge.id}?secret=${clientSecret}` }
    : { clientSecret };
}

/** The page of the bank. Everything in it is made here, or a number, a currency or an id. */
export function challengePage(charge: Charge, clientSecret: string): string {
  const { id, amount, currency, status } = charge;
  const button = (outcome: string, label: string): string =>
    `<form method="post" action="/challenges/${id}?secret=${clientSecret}&amp;outcome=${outcome}"><button>${label}</button></form>`;
  const body = awaitedAction(charge)
    ? `<p>Pay ${amount} ${currency}?</p>${button('succeeded', 'Yes, it is me')}${button('failed', 'No')}`
    : `<p>${amount} ${currency}: ${status}. You can go back to the shop.</p>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sandbox bank</title><h1>Sandbox bank</h1>${body}</html>`;
}
