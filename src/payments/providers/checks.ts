import type { Check } from '#platform/http/operations.ts';
import { type PaymentProvider, ProviderUnreachable } from './port.ts';

/**
 * What readiness says of the payment providers. Orders are taken without them: what is to be paid waits. Each is asked
 * one harmless question, at most so often, whoever asks for the readiness; a question is as long as any other call.
 */

const ASK_EVERY_MS = 1_000;

/** The checks of these providers by name, for `Service.checks`. */
export function providerChecks(
  providers: ReadonlyMap<string, PaymentProvider>,
): () => Promise<Readonly<Record<string, Check>>> {
  const asked = new Map<string, { readonly atMs: number; readonly check: Promise<Check> }>();
  const checkOf = (provider: PaymentProvider): Promise<Check> => {
    const nowMs = performance.now();
    const last = asked.get(provider.name);
    if (last && nowMs - last.atMs < ASK_EVERY_MS) return last.check;
    const check = ask(provider);
    asked.set(provider.name, { atMs: nowMs, check });
    return check;
  };
  return async () => {
    const checks = [...providers.values()].map(
      async (provider) => [`provider ${provider.name}`, await checkOf(provider)] as const,
    );
    return Object.fromEntries(await Promise.all(checks));
  };
}

async function ask(provider: PaymentProvider): Promise<Check> {
  try {
    await provider.probe();
    return { ok: true, detail: 'answers', optional: true };
  } catch (error) {
    const reason = error instanceof ProviderUnreachable ? error.message : 'its answer was not understood';
    return { ok: false, detail: `it does not answer (${reason}); what is to be paid waits`, optional: true };
  }
}
