import type { Settings } from '#platform/config.ts';

export const shippingSettings = {
  sandboxCarrierDelayMs: {
    type: 'milliseconds-or-off',
    env: 'SANDBOX_CARRIER_DELAY_MS',
    default: 1_000,
    meaning:
      'How long the sandbox carrier waits before it dispatches a shipment, and again before it delivers it; 0: at once; off: only the API moves shipments',
  },
} as const satisfies Settings;
