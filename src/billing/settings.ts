import type { Settings } from '#platform/runtime/settings.ts';

/** Billing has nothing to set. */
export const billingSettings = {} as const satisfies Settings;
