import { type Environment, isProduction, readSettings, type Settings } from '#platform/runtime/settings.ts';

export const settings = {
  port: {
    type: 'integer',
    min: 1,
    max: 65_535,
    env: 'SANDBOX_PROVIDER_PORT',
    default: 4010,
    meaning: 'Port of the sandbox payment provider',
  },
  host: {
    type: 'string',
    env: 'SANDBOX_PROVIDER_HOST',
    default: '127.0.0.1',
    meaning:
      'Address that the sandbox provider listens on; it knows no keys, so 0.0.0.0 only where nobody else reaches it',
  },
  enabled: {
    type: 'boolean',
    env: 'SANDBOX_ENABLED',
    default: false,
    meaning: 'Run the sandbox payment provider in production too',
  },
  outage: {
    type: 'boolean',
    env: 'SANDBOX_OUTAGE',
    default: false,
    meaning: 'The sandbox provider starts out of order: it answers 503 until POST /v1/outage says otherwise',
  },
  webhookUrl: {
    type: 'string',
    env: 'SANDBOX_WEBHOOK_URL',
    default: '',
    meaning: 'Where the sandbox provider sends its webhooks; empty: to its own process, /payments/webhooks/sandbox',
  },
  webhookSecret: {
    type: 'secret',
    env: 'SANDBOX_WEBHOOK_SECRET',
    default: '',
    generated: true,
    meaning:
      'Signs the webhooks of the sandbox provider (Standard Webhooks, `whsec_…`); needed where it runs in another process than payments',
  },
  webhookDelayMs: {
    type: 'integer',
    env: 'SANDBOX_WEBHOOK_DELAY_MS',
    default: 1_500,
    meaning: 'How long a charge with tok_pending stays pending before it is approved and reported by webhook',
  },
  slowMs: {
    type: 'integer',
    env: 'SANDBOX_SLOW_MS',
    default: 10_000,
    meaning: 'How late a charge with tok_timeout is answered',
  },
} as const satisfies Settings;

export interface SandboxConfig {
  readonly runs: boolean;
  readonly host: string;
  readonly port: number;
  readonly outage: boolean;
  readonly webhookUrl: () => string;
  readonly webhookSecret: string;
  readonly webhookDelayMs: number;
  readonly slowMs: number;
}

/** What the process of the sandbox knows of itself. */
interface OwnProcess {
  readonly selfUrl?: () => string;
  readonly processSecret?: string;
}

export function readConfig(env: Environment, { selfUrl, processSecret = '' }: OwnProcess): SandboxConfig {
  const { enabled, webhookUrl, webhookSecret, ...values } = readSettings(settings, env);
  return {
    ...values,
    // In production the sandbox runs only where it is asked for.
    runs: !isProduction(env) || enabled,
    // The address of the process is known once it listens.
    webhookUrl: () => webhookUrl || `${selfUrl?.() ?? ''}/payments/webhooks/sandbox`,
    webhookSecret: webhookSecret || processSecret,
  };
}

/** Where the sandbox provider of an environment listens. */
export function sandboxUrl(env: Environment): string {
  return `http://127.0.0.1:${readSettings(settings, env).port}`;
}

/** Whether a process of this environment that runs the sandbox service has the provider listen. */
export function sandboxRuns(env: Environment): boolean {
  return readConfig(env, {}).runs;
}
