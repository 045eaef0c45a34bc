import { countOf, type Finding, type ServiceCheck, spanOf } from '#platform/diagnosis.ts';
import { createProviders } from './providers/providers.ts';
import { readConfig } from './settings.ts';
import { waitingForOtherProviders, waitingPayments } from './store.ts';

/** What `olms doctor` looks at: money whose whereabouts nobody knows, and the providers that would know. */
export const paymentsDiagnosis: readonly ServiceCheck[] = [
  {
    name: 'payments',
    meaning: 'every operation at a provider has an outcome, or somebody asks for it',
    async look({ env, database, nowMs, patienceMs }) {
      const { providers: names } = readConfig(env);
      const waiting = await waitingPayments(database, nowMs);
      const findings: Finding[] = [];
      for (const { provider, payments } of await waitingForOtherProviders(database, names))
        findings.push({
          severity: 'error',
          what: `${countOf(payments, 'payment')} at a provider that is not configured`,
          detail: `They were begun at "${provider}"; configured: ${names.join(', ') || 'none'}. They wait for ever.`,
          do:
            provider === 'sandbox'
              ? 'Set SANDBOX_ENABLED=true until they are settled.'
              : 'Configure the provider again, or settle them by hand: POST /payments/{orderId}/operations/{operationId}/record.',
        });
      for (const [provider, { inDoubt, lateSeconds, waiting: open }] of waiting) {
        if (!names.includes(provider)) continue;
        const late = lateSeconds * 1000 > patienceMs;
        if (inDoubt > 0)
          findings.push({
            severity: late ? 'error' : 'warning',
            what: `${countOf(inDoubt, 'payment')} in doubt`,
            detail: `Replies of ${provider} were lost: whether money was taken, only the provider knows. It is asked again and again${late ? `, but for ${spanOf(lateSeconds * 1000)} nobody has` : ''}.`,
            do: `See that ${provider} answers (the check "provider")${late ? ' and that the payments service runs (bin/olms start payments)' : ''}; bin/olms payments ORDER shows one of them.`,
          });
        else if (late)
          findings.push({
            severity: 'error',
            what: `${countOf(open, 'payment')} waiting for an attempt`,
            detail: `The next attempt at ${provider} has been due for ${spanOf(lateSeconds * 1000)}, and nobody has made it.`,
            do: 'Start the payments service (bin/olms start payments).',
          });
      }
      const open = [...waiting.values()].reduce((sum, { waiting: count }) => sum + count, 0);
      return { seen: open === 0 ? 'none is open' : `${open} open`, findings };
    },
  },
  {
    name: 'provider',
    meaning: 'every payment provider answers',
    async ask(env, runs) {
      const providers = createProviders(readConfig(env));
      if (providers.size === 0) return undefined;
      const findings: Finding[] = [];
      const unchecked: string[] = [];
      for (const [name, provider] of providers) {
        try {
          if (name === 'sandbox' && !runs) {
            unchecked.push('the sandbox provider runs with the system');
            continue;
          }
          const refused = await provider.probe();
          if (refused !== undefined)
            findings.push({
              severity: 'error',
              what: `the payment provider ${name} does not serve us`,
              detail: `It answers ${refused}.`,
              do: 'Check the credentials of the provider, and whether it limits how often it is asked.',
            });
        } catch (error) {
          findings.push({
            severity: 'error',
            what: `the payment provider ${name} does not answer`,
            detail: `${(error as Error).message}${causeOf(error)}. Orders wait for their payment meanwhile; none is lost.`,
            do:
              name === 'sandbox'
                ? 'Start the sandbox service (bin/olms start sandbox), or point SANDBOX_PROVIDER_URL at where it is.'
                : 'See what the provider says about an outage, and whether this machine reaches it.',
          });
        } finally {
          await provider.close();
        }
      }
      return {
        seen: [...providers.keys()].join(', '),
        findings,
        ...(unchecked.length > 0 && { unchecked: unchecked.join('; ') }),
      };
    },
  },
];

function causeOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string; message?: string } };
  const reason = cause?.code ?? cause?.message;
  return reason === undefined ? '' : ` (${reason})`;
}
