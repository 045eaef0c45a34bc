import type { Settings } from '#platform/runtime/settings.ts';

export const gatewaySettings = {
  bootstrapApiKey: {
    type: 'secret',
    env: 'OLMS_BOOTSTRAP_API_KEY',
    default: '',
    meaning: 'An admin key that works from the first start; use it to create the others with POST /api-keys',
  },
  rateLimitPerSecond: {
    type: 'integer',
    env: 'RATE_LIMIT_PER_SECOND',
    default: 0,
    meaning: 'Calls of one API key in any second, over all gateways that share a Redis; 0: no limit',
  },
  streamClientsMax: {
    type: 'integer',
    env: 'STREAM_CLIENTS_MAX',
    default: 500,
    meaning: 'Clients of GET /stream that one process serves before more are refused with 503',
  },
} as const satisfies Settings;
