import {
  type Environment,
  isProduction,
  readSettings,
  type Settings,
  type Values,
} from '#platform/runtime/settings.ts';

export const shippingSettings = {
  sandboxCarrierDelayMs: {
    type: 'milliseconds-or-off',
    env: 'SANDBOX_CARRIER_DELAY_MS',
    default: 1_000,
    meaning:
      'How long the sandbox carrier waits before it dispatches a shipment, and again before it delivers it; 0: at once; off (always in production, unless set): only the API moves shipments',
  },
} as const satisfies Settings;

/** The settings in force: a production system never ships by itself because somebody forgot a variable. */
export function shippingConfig(env: Environment): Values<typeof shippingSettings> {
  const { sandboxCarrierDelayMs } = shippingSettings;
  if (!isProduction(env)) return readSettings(shippingSettings, env);
  return readSettings({ sandboxCarrierDelayMs: { ...sandboxCarrierDelayMs, default: undefined } }, env);
}
