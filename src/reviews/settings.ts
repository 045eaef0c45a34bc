import { REVIEW_DEADLINE } from '#contracts/review-deadline.ts';
import type { Settings } from '#platform/runtime/settings.ts';

export const reviewsSettings = { deadlineMs: REVIEW_DEADLINE } as const satisfies Settings;
