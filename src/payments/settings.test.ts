import { expect, test } from 'vitest';
import { readConfig } from './settings.ts';

const providers = (env: Record<string, string>): readonly string[] => readConfig(env).providers;

test('the providers in use are those that are named, the default first; else the sandbox where it is offered', () => {
  expect(providers({})).toEqual(['sandbox']);
  expect(providers({ OLMS_ENV: 'production' })).toEqual([]);
  expect(providers({ OLMS_ENV: 'production', SANDBOX_ENABLED: 'true' })).toEqual(['sandbox']);
  expect(providers({ PAYMENTS_PROVIDERS: 'manual, sandbox,manual' })).toEqual(['manual', 'sandbox']);
  expect(() => providers({ PAYMENTS_PROVIDERS: 'adyen' })).toThrow('names adyen, which is none of sandbox');
  expect(() => providers({ PAYMENTS_PROVIDERS: 'paypal' })).toThrow('PAYPAL_CLIENT_ID');
  const paypal = { PAYPAL_CLIENT_ID: 'c', PAYPAL_CLIENT_SECRET: 's', PAYPAL_RETURN_URL: 'https://shop.example' };
  expect(providers({ PAYMENTS_PROVIDERS: 'paypal', ...paypal })).toEqual(['paypal']);
  expect(() => providers({ OLMS_ENV: 'production', PAYMENTS_PROVIDERS: 'sandbox' })).toThrow('SANDBOX_ENABLED=true');
});
