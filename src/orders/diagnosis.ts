import { countOf, type Finding, type ServiceCheck, spanOf } from '#platform/diagnosis.ts';
import { OPEN_STATUSES } from './rules/lifecycle.ts';
import { openOrders } from './store/open-orders.ts';

/** What `olms doctor` looks at: orders that nobody takes further. */
export const ordersDiagnosis: readonly ServiceCheck[] = [
  {
    name: 'orders',
    meaning: 'no order stands still, and none is past its deadline',
    async look({ database, nowMs, patienceMs }) {
      const { statuses, late } = await openOrders(database, [...OPEN_STATUSES], nowMs);
      const findings: Finding[] = [];
      if (late > 0)
        findings.push({
          severity: 'error',
          what: `${countOf(late, 'order')} past the deadline`,
          detail: 'Their time is over, and the timer of the orders service has not taken them up.',
          do: 'Start the orders service (bin/olms start orders) without OLMS_CONSUME=false; its log says why the timer fails.',
        });
      const created = statuses.find(({ status }) => status === 'CREATED');
      if (created && created.count > 0 && created.seconds * 1000 > patienceMs)
        findings.push({
          severity: 'error',
          what: `${countOf(created.count, 'order')} without a decision about the stock`,
          detail: `The oldest has been CREATED for ${spanOf(created.seconds * 1000)}.`,
          do: 'See what else is found about consumers, log and kafka; bin/olms start inventory where it does not run.',
        });
      const open = statuses.reduce((sum, { count }) => sum + count, 0);
      return { seen: `${countOf(open, 'open order')}`, findings };
    },
  },
];
