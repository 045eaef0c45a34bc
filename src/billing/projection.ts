import { SOURCES, type EventData, type OrderEvent } from '#contracts/order-events.ts';
import type { Envelope } from '#contracts/envelope.ts';
import type { Projection } from '#platform/processor/projection.ts';
import { billingRules, type Counter, COUNTERS, type Invoice } from './rules.ts';
import { COLUMNS, rowOf } from './store.ts';

/**
 * The invoices: what led to each of billing's own events is folded through the rules once more, at the time that the
 * event carries, with the counter at the number before the one it carries. A number once given is a fact.
 */

const FORMER_CAUSE = 'PaymentRefunded';
const { version: _, ...BUILT_COLUMNS } = COLUMNS;
const NUMBERS = `select 'invoice' as key, coalesce(max(substring(number from '[0-9]+$')::bigint), 0) as value from
  (select number from billing.invoices union all select further->>'number' from billing.invoices, json_array_elements(coalesce(body->'further', '[]')) further) numbers
  union all select 'credit-note', coalesce(max(substring(note->>'number' from '[0-9]+$')::bigint), 0)
  from billing.invoices, json_array_elements(coalesce(body->'creditNotes', '[]')) note`;

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
      differences: `select c.key as subject, 'stands at ' || c.value || ', the last number is ' || n.value as detail from billing.counters c join (${NUMBERS}) n on n.key = c.key where c.value < n.value`,
      mend: `update billing.counters c set value = n.value from (${NUMBERS}) n where n.key = c.key and c.value < n.value`,
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
      const counters = countersBefore(emitted);
      const outcome = billingRules.react(asConsumed(cause), state, {
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

/** What the counters held before these events took their numbers. */
function countersBefore(emitted: readonly Envelope[]): Map<string, number> {
  const counters = new Map<string, number>();
  for (const { data } of emitted) {
    const { invoiceNumber, creditNoteNumber } = data as EventData<'InvoiceIssued'> & EventData<'CreditNoteIssued'>;
    const counter: Counter = creditNoteNumber === undefined ? 'invoice' : 'credit-note';
    const number = creditNoteNumber ?? invoiceNumber;
    if (!counters.has(counter)) counters.set(counter, Number(number.slice(COUNTERS[counter].length + 1)) - 1);
  }
  return counters;
}
