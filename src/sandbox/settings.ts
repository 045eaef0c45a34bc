import { type Environment, readSettings, type Settings } from '#platform/runtime/settings.ts';

/** The same development secret as the payments service expects; neither accepts it in production. */
const DEVELOPMENT_WEBHOOK_SECRET = 'whsec_b2xtcy1zYW5kYm94LW5vdC1mb3ItcHJvZHVjdGlvbg==';
const HTTP_PORT = 8080;

export const settings = {
  port: {
    type: 'integer',
    env: 'SANDBOX_PROVIDER_PORT',
    default: 4010,
    meaning: 'Port of the sandbox payment provider',
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
    meaning: 'Where the sandbox provider sends its webhooks; empty: this machine, PORT, /payments/webhooks/sandbox',
  },
  webhookSecret: {
    type: 'secret',
    env: 'SANDBOX_WEBHOOK_SECRET',
    default: DEVELOPMENT_WEBHOOK_SECRET,
    generated: true,
    meaning:
      'Signs the webhooks of the sandbox provider (Standard Webhooks, `whsec_…`); the default is refused in production',
  },
  webhookDelayMs: {
    type: 'integer',
    env: 'SANDBOX_WEBHOOK_DELAY_MS',
    default: 1_500,
    meaning: 'How long a charge with tok_pending stays pending before it is approved and told by webhook',
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
  readonly port: number;
  readonly outage: boolean;
  readonly webhookUrl: () => string;
  readonly webhookSecret: string;
  readonly webhookDelayMs: number;
  readonly slowMs: number;
}

export function readConfig(env: Environment): SandboxConfig {
  const values = readSettings(settings, env);
  // In production the sandbox runs only where it is asked for, and never signs with a secret everybody knows.
  const production = env['OLMS_ENV'] === 'production';
  return {
    runs: !production || values.enabled,
    port: values.port,
    outage: values.outage,
    // Read when a webhook is sent: a system under test learns its port only after the sandbox was made.
    webhookUrl: () =>
      env['SANDBOX_WEBHOOK_URL'] || `http://127.0.0.1:${env['PORT'] || HTTP_PORT}/payments/webhooks/sandbox`,
    webhookSecret: production && values.webhookSecret === DEVELOPMENT_WEBHOOK_SECRET ? '' : values.webhookSecret,
    webhookDelayMs: values.webhookDelayMs,
    slowMs: values.slowMs,
  };
}

/** Where the sandbox provider of an environment listens. */
export function sandboxUrl(env: Environment): string {
  return `http://127.0.0.1:${readSettings(settings, env).port}`;
}
