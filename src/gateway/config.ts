import type { Settings } from '#platform/config.ts';

export const gatewaySettings = {
  bootstrapApiKey: { type: 'secret', env: 'OLMS_BOOTSTRAP_API_KEY', default: '', meaning: 'An admin key that works from the first start; use it to create the others with POST /api-keys' },
} as const satisfies Settings;
