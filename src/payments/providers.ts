import type { PaymentsConfig } from './settings.ts';
import type { PaymentProvider } from './provider.ts';
import { createSandboxProvider } from './sandbox-provider.ts';

/** Names of the configured providers, as {@link createProviders} makes them. */
export function providerNames(config: PaymentsConfig): readonly string[] {
  return config.sandbox ? ['sandbox'] : [];
}

/** The configured providers by name: to add one, implement the port and list it here. */
export function createProviders(config: PaymentsConfig): ReadonlyMap<string, PaymentProvider> {
  const providers = new Map<string, PaymentProvider>();
  if (config.sandbox) {
    const { url, webhookSecret } = config.sandbox;
    const { timeoutMs, concurrency: connections } = config;
    providers.set('sandbox', createSandboxProvider({ url, webhookSecret, timeoutMs, connections }));
  }
  return providers;
}
