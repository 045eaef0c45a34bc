import {
  type Environment,
  isProduction,
  readSettings,
  type Settings,
  type Values,
} from '#platform/runtime/settings.ts';

/** More than two cores answer: it stops what runs wild, and no shop. */
export const RATE_LIMIT_DEFAULT = 5_000;

export const gatewaySettings = {
  bootstrapApiKey: {
    type: 'secret',
    env: 'OLMS_BOOTSTRAP_API_KEY',
    default: '',
    meaning:
      'An admin key that works from the first start, in production at least 32 characters; use it to create the others with POST /api-keys',
  },
  rateLimitPerSecond: {
    type: 'integer',
    env: 'RATE_LIMIT_PER_SECOND',
    default: RATE_LIMIT_DEFAULT,
    meaning:
      'Calls of one API key in any second, over all gateways that share a Redis (each gateway counts by itself while this is not set); 0: no limit',
  },
  streamClientsMax: {
    type: 'integer',
    env: 'STREAM_CLIENTS_MAX',
    default: 500,
    meaning: 'Clients of GET /stream that one process serves before more are refused with 503',
  },
  streamClientsPerKeyMax: {
    type: 'integer',
    min: 1,
    env: 'STREAM_CLIENTS_PER_KEY_MAX',
    default: 50,
    meaning: 'The same of one API key, refused with 429: no key takes the places of all others',
  },
  streamAgeMaxMs: {
    type: 'integer',
    min: 1_000,
    env: 'STREAM_AGE_MAX_MS',
    default: 3_600_000,
    meaning: 'How long one answer of GET /stream lasts; then it ends, and a client goes on with a new one where it was',
  },
} as const satisfies Settings;

const BOOTSTRAP_KEY_LENGTH_MIN = 32;

/** The settings in force; throws for a bootstrap key that could be guessed, where that matters. */
export function gatewayConfig(env: Environment): Values<typeof gatewaySettings> {
  const config = readSettings(gatewaySettings, env);
  const { length } = config.bootstrapApiKey;
  if (length > 0 && length < BOOTSTRAP_KEY_LENGTH_MIN && isProduction(env))
    throw new Error(
      `Configuration: OLMS_BOOTSTRAP_API_KEY must have at least ${BOOTSTRAP_KEY_LENGTH_MIN} characters in production. Make one with: openssl rand -base64 32`,
    );
  return config;
}
