import type { Settings } from '#platform/runtime/settings.ts';

const HOUR_MS = 3_600_000;

export const reviewsSettings = {
  deadlineMs: {
    type: 'integer',
    env: 'REVIEW_DEADLINE_MS',
    default: 72 * HOUR_MS,
    meaning: 'A review that nobody decided is rejected after this time',
  },
} as const satisfies Settings;
