import type { Settings } from '#platform/config.ts';

/** Billing has nothing to set. */
export const billingSettings = {} as const satisfies Settings;
