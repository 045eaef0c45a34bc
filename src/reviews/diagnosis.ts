import { countOf, type ServiceCheck } from '#platform/diagnosis.ts';
import { pendingReviews } from './store.ts';

/** What `olms doctor` looks at: reviews that nobody decided in time. */
export const reviewsDiagnosis: readonly ServiceCheck[] = [
  {
    name: 'reviews',
    meaning: 'no review is past its time',
    async look({ database, nowMs, patienceMs }) {
      // The timer rejects what is past its time within moments, so what is late here waits for the timer.
      const { pending, late } = await pendingReviews(database, nowMs - patienceMs);
      return {
        seen: `${countOf(pending, 'review')} pending`,
        findings:
          late === 0
            ? []
            : [
                {
                  severity: 'error',
                  what: `${countOf(late, 'review')} past the deadline`,
                  detail:
                    'Nobody decided in REVIEW_DEADLINE_MS, and the timer of the reviews service has not ended them.',
                  do: 'Start the reviews service (bin/olms start reviews); bin/olms reviews shows what waits for a person.',
                },
              ],
      };
    },
  },
];
