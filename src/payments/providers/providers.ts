import type { PaymentsConfig } from '../settings.ts';
import type { PaymentProvider } from './port.ts';
import { createPaypalProvider } from './paypal.ts';
import { createSandboxProvider } from './sandbox.ts';
import { createStripeProvider } from './stripe.ts';

/** The configured providers that take calls, by name: to add one, implement the port and list it here. */
export function createProviders(config: PaymentsConfig): ReadonlyMap<string, PaymentProvider> {
  const { timeoutMs, concurrency: connections, sandbox, stripe, paypal } = config;
  const adapters: Readonly<Record<string, () => PaymentProvider>> = {
    sandbox: () => createSandboxProvider({ ...sandbox, timeoutMs, connections }),
    paypal: () => createPaypalProvider({ ...paypal, timeoutMs, connections }),
    stripe: () => createStripeProvider({ ...stripe, timeoutMs, connections }),
  };
  return new Map(config.providers.filter((name) => name in adapters).map((name) => [name, adapters[name]!()]));
}
