const HOUR_MS = 3_600_000;

/** How long a review may take: a setting of the reviews service, which orders reads as well, so that both show one deadline. */
export const REVIEW_DEADLINE = {
  type: 'integer',
  env: 'REVIEW_DEADLINE_MS',
  default: 72 * HOUR_MS,
  meaning: 'A review that nobody decided is rejected after this time',
} as const;
