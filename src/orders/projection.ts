import { SOURCES } from '#contracts/order-events.ts';
import type { Projection } from '#platform/processor/projection.ts';
import { fold } from './rules/evolve.ts';
import { ORDER_COLUMNS, placedRow, STATE_COLUMNS, stateRow, TERM_COLUMNS } from './store.ts';
import { termsOf } from './terms.ts';

/**
 * The orders: folding an order's own events gives its rows. Events of others are in the row only as the mark of what
 * was consumed, which is kept, or, for a row that is missing, what is known to have led to an event of the order.
 */

const CONSUMED = `(select coalesce(json_object_agg(e.source, e.sequence), '{}') from (
  select source, max(sequence) as sequence from (
    select id, source, sequence, subject from log.order_outbox union all select id, source, sequence, subject from orders.event_mirror) consumed
  where subject = s.order_id and source <> '${SOURCES.orders}'
    and exists (select from log.order_outbox o where o.subject = consumed.subject and o.source = '${SOURCES.orders}' and o.causationid = consumed.id::text)
  group by source) e)`;

const { idempotency_key: _key, request_hash: _hash, ...BUILT_COLUMNS } = ORDER_COLUMNS;
const { version: _version, seen: _seen, ...BUILT_STATE_COLUMNS } = STATE_COLUMNS;

export const orderProjection: Projection = {
  schema: 'orders',
  own: SOURCES.orders,
  consumes: false,
  tables: [
    {
      name: 'orders.orders',
      order: 'id',
      key: ['id'],
      columns: BUILT_COLUMNS,
      // An order may be older than its column for the trace.
      compared: Object.keys(BUILT_COLUMNS).filter((column) => column !== 'id' && column !== 'trace_id'),
      // The caller's key is in no event: a request repeated under it would be a new order.
      notInLog: { idempotency_key: "'rebuilt ' || s.id", request_hash: "''" },
    },
    {
      name: 'orders.order_states',
      order: 'order_id',
      key: ['order_id'],
      columns: BUILT_STATE_COLUMNS,
      compared: Object.keys(BUILT_STATE_COLUMNS).filter((column) => column !== 'order_id'),
      notInLog: { version: '1', seen: CONSUMED },
      versioned: true,
      sequenced: true,
    },
    {
      name: 'orders.order_terms',
      order: 'order_id',
      key: ['term', 'order_id'],
      columns: TERM_COLUMNS,
      compared: [],
      removesUnexplained: true,
    },
  ],
  build(id, events) {
    if (events.length === 0 || events.some((event, index) => event.sequence !== index + 1)) return undefined;
    const state = fold(events);
    if (!state) return undefined;
    const row = { id, revision: 0, sequence: events.length, consumed: {}, state };
    return {
      'orders.orders': [placedRow(id, state)],
      'orders.order_states': [stateRow(row, events.at(-1)!.time)],
      'orders.order_terms': [...termsOf(state)].map((term) => ({ term, order_id: id })),
    };
  },
};
