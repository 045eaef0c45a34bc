import { expect, test } from 'vitest';
import { EXTERNAL } from './order-events.ts';
import { PAYMENT_PROVIDERS } from './payment-providers.ts';

/** A token of each kind, and the providers that take it. */
const TOKENS: Readonly<Record<string, readonly string[]>> = {
  tok_approve: ['sandbox'],
  'anything else': ['sandbox'],
  pm_1Abc: ['stripe'],
  ctoken_1Abc: ['stripe'],
  paypal: ['paypal'],
  'paypal_vault_8kk8451t-x': ['paypal'],
  bank_transfer: ['manual'],
  cash_on_delivery: ['manual'],
  paid_elsewhere: ['manual'],
};

test('a token is taken by the provider that it is of, and by no other', () => {
  const taken = (token: string): string[] =>
    Object.entries(PAYMENT_PROVIDERS).flatMap(([name, { tokens }]) =>
      name !== EXTERNAL && tokens.test(token) ? [name] : [],
    );
  for (const [token, providers] of Object.entries(TOKENS)) expect([token, taken(token)]).toEqual([token, providers]);
  const used = new Set(Object.values(TOKENS).flat());
  expect(Object.keys(PAYMENT_PROVIDERS).filter((name) => name !== EXTERNAL && !used.has(name))).toEqual([]);
});
