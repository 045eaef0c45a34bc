import { SOURCES, type EventData, type OrderEvent } from '#contracts/order-events.ts';
import type { Envelope } from '#contracts/envelope.ts';
import type { Projection } from '#platform/processor/projection.ts';
import { billingRulesOf, type Invoice } from './rules.ts';
import { counterOf, partsOfNumber, type Series, SERIES, SERIES_OF_NUMBER } from './series.ts';
import { COLUMNS, EVERY_NUMBER, rowOf } from './store.ts';

/**
 * The invoices: what led to each of billing's own events is folded through the rules once more, at the time that the
 * event carries, with the counter at the number before the one it carries. A number once given is a fact.
 */

const FORMER_CAUSE = 'PaymentRefunded';
const { version: _, ...BUILT_COLUMNS } = COLUMNS;
const NUMBERS = `select case series when 'INV-' then 'invoice' when 'CRN-' then 'credit-note' else series end as key, last as value
  from (select ${SERIES_OF_NUMBER} as series, max(substring(number from '[0-9]+$')::bigint) as last from (${EVERY_NUMBER}) numbers group by 1) of_series`;

export const billingProjection: Projection = {
  schema: 'billing',
  own: SOURCES.billing,
  consumes: true,
  further: [FORMER_CAUSE],
  tables: [
    {
      name: 'billing.invoices',
      order: 'order_id',
      key: ['order_id'],
      columns: BUILT_COLUMNS,
      compared: ['number', 'issued_at', 'currency', 'total', 'body', 'sequence'],
      notInLog: { version: '1' },
      versioned: true,
      sequenced: true,
    },
  ],
  // Only upwards: a number beyond the last one was given to somebody, whatever became of the invoice.
  derived: [
    {
      name: 'billing.counters',
      differences: `select c.key as subject, 'stands at ' || c.value || ', the last number is ' || n.value as detail from billing.counters c join (${NUMBERS}) n on n.key = c.key where c.value < n.value
        union all select n.key, 'is missing, the last number is ' || n.value from (${NUMBERS}) n where not exists (select from billing.counters c where c.key = n.key)`,
      mend: `insert into billing.counters as c (key, value) select key, value from (${NUMBERS}) n
        on conflict (key) do update set value = excluded.value where c.value < excluded.value`,
    },
  ],
  build(id, events) {
    const own = events.filter((event) => event.source === SOURCES.billing).sort((a, b) => a.sequence - b.sequence);
    if (own.length === 0) return { 'billing.invoices': [] };
    if (own.some((event, index) => event.sequence !== index + 1)) return undefined;
    let state: Invoice | undefined;
    const consumed: Record<string, number> = {};
    for (const [causationid, emitted] of Map.groupBy(own, (event) => event.causationid)) {
      const cause = events.find((candidate) => candidate.id === causationid);
      if (!cause) return undefined;
      const { counters, series } = countersBefore(emitted);
      const outcome = billingRulesOf(series).react(asConsumed(cause), state, {
        nowMs: Date.parse(emitted[0]!.time),
        newId: () => emitted[0]!.id,
        shared: counters,
      });
      if ('ignored' in outcome) return undefined;
      state = outcome.state;
      consumed[cause.source] = Math.max(consumed[cause.source] ?? 0, cause.sequence);
    }
    return { 'billing.invoices': [rowOf({ id, revision: 0, sequence: own.length, consumed, state })] };
  },
};

/** Billing once read refunds from payments; both events hold the same data about them. */
function asConsumed(cause: Envelope): OrderEvent {
  return (cause.type === FORMER_CAUSE ? { ...cause, type: 'OrderRefunded' } : cause) as OrderEvent;
}

/** What the counters held before these events took their numbers, and the series that the numbers are of. */
function countersBefore(emitted: readonly Envelope[]): { counters: Map<string, number>; series: Series } {
  const counters = new Map<string, number>();
  const series = { ...SERIES };
  for (const { data } of emitted) {
    const { invoiceNumber, creditNoteNumber } = data as EventData<'InvoiceIssued'> & EventData<'CreditNoteIssued'>;
    const { prefix, n } = partsOfNumber(creditNoteNumber ?? invoiceNumber);
    series[creditNoteNumber === undefined ? 'invoice' : 'credit-note'] = prefix;
    const counter = counterOf(prefix);
    if (!counters.has(counter)) counters.set(counter, n - 1);
  }
  return { counters, series };
}
