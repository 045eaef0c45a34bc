import type { Carrier } from './port.ts';

export const SANDBOX_CARRIER = 'sandbox';
const TRACKING_DIGITS = 12;

/** The carrier for trying out: it takes and delivers parcels by itself, after a delay each time; undefined: it does nothing. */
export function sandboxCarrier(delayMs: number | undefined): Carrier {
  return {
    name: SANDBOX_CARRIER,
    numberOf: (shipmentId) => `SB${shipmentId.replaceAll('-', '').slice(-TRACKING_DIGITS).toUpperCase()}`,
    nextStepMs: (nowMs) => (delayMs === undefined ? undefined : nowMs + delayMs),
    feed: undefined,
  };
}
