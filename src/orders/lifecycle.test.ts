import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '#contracts/errors.ts';
import { type EventData, ORDER_EVENTS } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import {
  ACTIONS,
  type CommandName,
  INITIAL,
  LATE_FACTS,
  lateFact,
  nextStatus,
  rowsFor,
  type Status,
  STATUSES,
  type Transition,
  TRANSITIONS,
} from './rules/lifecycle.ts';
import type { DecideContext, OrderCommand } from './rules/commands.ts';
import { decide } from './rules/decide.ts';
import { EVOLVERS, evolve, fold } from './rules/evolve.ts';
import type { Order } from './rules/state.ts';
import { orderRules } from './rules.ts';

/** The table, checked as data, and every status × every command held against it. */

const ROWS: readonly Transition[] = TRANSITIONS;
const ALL = Object.keys(STATUSES) as Status[];
const FINAL = ALL.filter((status) => STATUSES[status].final);
const COMMANDS = [...new Set(ROWS.map((row) => row.command))] as CommandName[];

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const PASSED = isoTime(NOW_MS - 1_000);
const deadlines = Object.fromEntries(
  [...ALL.filter((status) => !STATUSES[status].final), 'held', 'change', 'returns', 'payAgain'].map((name, index) => [
    name,
    (index + 1) * 60_000,
  ]),
) as unknown as DecideContext['deadlines'];
const context: DecideContext = { nowMs: NOW_MS, newId: () => 'new-id', deadlines };

const items = [{ line: 1, sku: 'MUG', name: 'Mug', quantity: 3, unitPrice: '9.95', amount: '29.85' }];
const allocations = [{ sku: 'MUG', location: 'main', quantity: 3 }];
const shortages = [{ sku: 'MUG', requested: 3, available: 0 }];
const parcel = { shipmentId: 's-1', carrier: 'x', trackingNumber: '1', items: [{ sku: 'MUG', quantity: 2 }] };
const createdData: EventData<'OrderCreated'> = {
  customerId: 'c',
  currency: 'EUR',
  channel: 'web',
  items,
  totalAmount: '29.85',
  payment: { provider: 'sandbox', token: 't' },
  reviewReasons: [],
  allowBackorder: true,
  deadlineAt: PASSED,
};
type Past = { readonly type: string; readonly data: unknown };
const past = (type: keyof typeof ORDER_EVENTS, data: unknown = {}): Past => ({ type, data });
const CREATED = past('OrderCreated', createdData);
const RESERVED = [
  CREATED,
  past('OrderReserved', { allocations, deadlineAt: PASSED }),
  past('OrderPaymentRequested', { amount: '29.85' }),
];
const HELD = past('OrderHeld', { hold: 'manual', reason: 'r', by: 'b', deadlineAt: PASSED });
const PAID = [...RESERVED, past('OrderPaid', { paymentStatus: 'CAPTURED', deadlineAt: PASSED })];
const READY = [...PAID, past('OrderReadyForShipment', { allocations, deadlineAt: PASSED })];
const REFUND = past('OrderRefundRequested', { refundId: 'f-1', amount: '1.00', reason: 'r', by: 'b' });
const RETURN = past('OrderReturnRequested', {
  returnId: 'r-1',
  items: [{ sku: 'MUG', quantity: 1 }],
  lines: [{ line: 1, quantity: 1 }],
  reason: 'r',
  deadlineAt: PASSED,
});
const PARTIAL = [...READY, past('OrderPartiallyShipped', { ...parcel, deadlineAt: PASSED })];
const SHIPPED = [
  ...READY,
  past('OrderShipped', { ...parcel, items: [{ sku: 'MUG', quantity: 3 }], deadlineAt: PASSED }),
];

/** How an order gets into each status; in open ones it is held, and a refund and a return are under way where they can be. */
const HISTORIES: Record<Status, readonly Past[]> = {
  CREATED: [CREATED, HELD],
  BACKORDERED: [CREATED, past('OrderBackordered', { shortages, deadlineAt: PASSED }), HELD],
  RESERVED: [...RESERVED, HELD],
  PAYMENT_PENDING: [...RESERVED, past('OrderPaymentPending', { reason: 'r', deadlineAt: PASSED }), HELD],
  PAID: [...RESERVED, HELD, PAID.at(-1)!, REFUND],
  READY_FOR_SHIPMENT: [...READY, HELD, REFUND],
  PARTIALLY_SHIPPED: [...PARTIAL, HELD, REFUND, RETURN],
  SHIPPED: [...SHIPPED, REFUND, RETURN],
  COMPLETED: [...SHIPPED, REFUND, RETURN, past('OrderCompleted')],
  REJECTED: [CREATED, past('OrderRejected', { shortages })],
  PAYMENT_FAILED: [...RESERVED, past('OrderPaymentFailed', { reason: 'r' })],
  CANCELLED: [...PAID, REFUND, past('OrderCancelled', { reason: 'r', by: 'b' })],
};
const orderIn = (status: Status): Order => fold(HISTORIES[status])!;

const CLAIMED = { reason: 'r', by: 'b' };
const changing = (quantity: number): Past =>
  past('OrderChangeRequested', {
    changeId: 'c-1',
    kind: 'cancellation',
    removes: [{ line: 1, sku: 'MUG', quantity }],
    reason: 'r',
    by: 'b',
    deadlineAt: PASSED,
  });

/** Commands of each name, whose conditions are met wherever the table allows the command. */
const SAMPLES: {
  readonly [Name in Exclude<CommandName, 'proceed'>]: readonly Extract<OrderCommand, { type: Name }>[];
} = {
  recordReservation: [{ type: 'recordReservation', allocations }],
  recordShortage: [{ type: 'recordShortage', shortages }],
  recordStockLoss: [{ type: 'recordStockLoss', missing: allocations }],
  recordStockRecovery: [{ type: 'recordStockRecovery' }],
  recordBackorder: [{ type: 'recordBackorder', shortages }],
  recordPayment: [{ type: 'recordPayment', amount: '29.85', captured: '29.85' }],
  recordPaymentPending: [{ type: 'recordPaymentPending', reason: 'timeout' }],
  payAgain: [{ type: 'payAgain', provider: 'sandbox', token: 'other' }],
  recordPaymentFailure: [{ type: 'recordPaymentFailure', reason: 'declined' }],
  recordCapture: [{ type: 'recordCapture', captured: '29.85' }],
  recordVoid: [{ type: 'recordVoid' }],
  recordRefund: [
    { type: 'recordRefund', refundId: 'f-1', amount: '1.00', captured: '29.85', refunded: '1.00' },
    { type: 'recordRefund', refundId: 'of-payments', amount: '29.85', captured: '29.85', refunded: '29.85' },
  ],
  recordDispute: [{ type: 'recordDispute', disputeId: 'd-2', amount: '29.85', reason: 'fraudulent' }],
  recordDisputeEnd: [{ type: 'recordDisputeEnd', disputeId: 'd-1', outcome: 'won' }],
  recordRefundFailure: [{ type: 'recordRefundFailure', refundId: 'f-1', reason: 'disputed' }],
  recordDispatch: [
    { type: 'recordDispatch', ...parcel, shipmentId: 's-2', last: false },
    { type: 'recordDispatch', ...parcel, shipmentId: 's-2', last: true },
  ],
  recordDelivery: [
    { type: 'recordDelivery', shipmentId: 's-1', last: false },
    { type: 'recordDelivery', shipmentId: 's-1', last: true },
  ],
  recordShipmentsStopped: [{ type: 'recordShipmentsStopped' }],
  recordFreeze: [{ type: 'recordFreeze', changeId: 'c-1', here: allocations }],
  recordTracking: [{ type: 'recordTracking', shipmentId: 's-1', carrier: 'dhl', trackingNumber: 'T2' }],
  recordLoss: [{ type: 'recordLoss', shipmentId: 's-1', kind: 'lost' }],
  recordFollowUp: [
    { type: 'recordFollowUp', claimId: 'l-1', status: 'COMPLETED' },
    { type: 'recordFollowUp', claimId: 'l-1', status: 'CANCELLED' },
  ],
  openClaim: [
    {
      type: 'openClaim',
      shipmentId: 's-1',
      kind: 'lost',
      items: [{ sku: 'MUG', quantity: 1 }],
      ...CLAIMED,
      resolution: 'refund',
    },
    {
      type: 'openClaim',
      shipmentId: 's-1',
      kind: 'damaged',
      items: [{ sku: 'MUG', quantity: 1 }],
      ...CLAIMED,
      resolution: 'reship',
    },
  ],
  cancel: [{ type: 'cancel', reason: 'r', by: 'b' }],
  cancelItems: [
    { type: 'cancelItems', reason: 'r', by: 'b' },
    { type: 'cancelItems', items: [{ line: 1, quantity: 1 }], reason: 'r', by: 'b' },
  ],
  hold: [{ type: 'hold', hold: 'fraud', reason: 'r', by: 'b' }],
  release: [{ type: 'release', hold: 'manual', reason: 'r', by: 'b' }],
  amend: [{ type: 'amend', changes: { reference: 'PO' }, by: 'b' }],
  complete: [{ type: 'complete', by: 'b' }],
  expire: [{ type: 'expire' }],
  requestReturn: [{ type: 'requestReturn', reason: 'r', items: [{ sku: 'MUG', quantity: 1 }], by: 'b' }],
  receiveReturn: [
    { type: 'receiveReturn', returnId: 'r-1', location: 'main', refund: false, by: 'b' },
    { type: 'receiveReturn', returnId: 'r-1', location: 'main', refund: true, by: 'b' },
    {
      type: 'receiveReturn',
      returnId: 'r-1',
      pieces: [{ sku: 'MUG', quantity: 1, condition: 'missing' }],
      more: false,
      refund: true,
      by: 'b',
    },
  ],
  closeReturn: [{ type: 'closeReturn', returnId: 'r-1', reason: 'r', by: 'b' }],
  requestRefund: [{ type: 'requestRefund', reason: 'r', by: 'b', amount: '1.00' }],
};

/** Its payment was refused, and the time to pay it again has passed. */
const REFUSED = past('OrderPaymentRefused', { reason: 'r', deadlineAt: PASSED });

/** What else may have happened to an order in a status before a command comes; `only` the orders with it meet the command. */
const BEFORE: readonly { in: readonly Status[]; command: CommandName; past: Past; only?: boolean }[] = [
  {
    in: ['RESERVED', 'PAYMENT_PENDING', 'PAID', 'READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED'],
    command: 'recordStockRecovery',
    past: past('OrderHeld', { hold: 'shortage', reason: 'r', by: 'inventory', deadlineAt: PASSED }),
    only: true,
  },
  {
    in: ['PAID', 'READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED', 'SHIPPED', 'COMPLETED', 'CANCELLED'],
    command: 'recordDisputeEnd',
    past: past('OrderDisputed', { disputeId: 'd-1', amount: '1.00', reason: 'r' }),
    only: true,
  },
  { in: ['RESERVED'], command: 'payAgain', past: REFUSED, only: true },
  { in: ['RESERVED'], command: 'expire', past: REFUSED },
  { in: ['RESERVED', 'PAYMENT_PENDING'], command: 'recordPaymentFailure', past: REFUSED },
  {
    in: ['PAYMENT_PENDING'],
    command: 'recordPaymentPending',
    past: past('OrderPaymentPending', { reason: 'r', deadlineAt: PASSED, paymentStatus: 'REQUIRES_ACTION' }),
    only: true,
  },
  {
    in: ['READY_FOR_SHIPMENT'],
    command: 'recordDispatch',
    past: past('OrderCancellationRequested', { reason: 'r', by: 'b' }),
  },
  { in: ['READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED'], command: 'recordDispatch', past: changing(1) },
  { in: ['READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED'], command: 'expire', past: changing(1) },
  { in: ['READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED'], command: 'recordFreeze', past: changing(1), only: true },
  { in: ['READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED'], command: 'recordFreeze', past: changing(4), only: true },
  { in: ['READY_FOR_SHIPMENT'], command: 'cancel', past: changing(1) },
  {
    in: ['COMPLETED'],
    command: 'recordDelivery',
    past: past('OrderLossRecorded', { shipmentId: 's-1', kind: 'lost' }),
    only: true,
  },
  {
    in: ['PARTIALLY_SHIPPED', 'SHIPPED', 'COMPLETED'],
    command: 'recordFollowUp',
    past: past('OrderClaimOpened', {
      claimId: 'l-1',
      shipmentId: 's-1',
      kind: 'lost',
      resolution: 'reship',
      items: [{ line: 1, sku: 'MUG', quantity: 1 }],
      followUpId: 'o-2',
      ...CLAIMED,
    }),
    only: true,
  },
];

function ordersFor(status: Status, command: CommandName): Order[] {
  const order = command === 'payAgain' ? { ...orderIn(status), holds: [] } : orderIn(status);
  const before = BEFORE.filter((one) => one.command === command && one.in.includes(status));
  const orders = before.map((one) => evolve(order, one.past));
  if (status === 'SHIPPED' && command === 'recordDelivery')
    orders.push(fold([...PARTIAL, past('OrderShipped', { ...parcel, shipmentId: 's-2', deadlineAt: PASSED })])!);
  return before.some(({ only }) => only) ? orders : [order, ...orders];
}

/** Before the stock decision an order is cancelled whole or not at all. */
function samplesFor(status: Status, command: Exclude<CommandName, 'proceed'>): readonly OrderCommand[] {
  const samples: readonly OrderCommand[] = SAMPLES[command];
  return status === 'CREATED'
    ? samples.filter((one) => one.type !== 'cancelItems' || one.items === undefined)
    : samples;
}

const asksForPeople = new Set<string>([...ACTIONS, 'expire', 'proceed']);

function refusalCode(status: Status, command: CommandName): string {
  if (STATUSES[status].final) return 'ORDER_FINAL';
  const left = status === 'SHIPPED' || status === 'PARTIALLY_SHIPPED';
  return left && ['cancel', 'cancelItems', 'amend'].includes(command) ? 'ORDER_ALREADY_SHIPPED' : 'ACTION_NOT_ALLOWED';
}

describe('the table', () => {
  test('has each order in the status its history says', () => {
    for (const status of ALL) expect(orderIn(status).status).toBe(status);
  });

  test('reaches every status from the first', () => {
    const reached = new Set<Status>([INITIAL]);
    for (let size = 0; size !== reached.size;) {
      size = reached.size;
      for (const { from, to } of ROWS) if (to !== 'same' && from.some((status) => reached.has(status))) reached.add(to);
    }
    expect([...reached].sort()).toEqual([...ALL].sort());
  });

  test('has a way out of every status that is not final, and none out of a final one', () => {
    const leaving = (status: Status): Transition[] =>
      ROWS.filter(({ from, to }) => from.includes(status) && to !== 'same' && to !== status);
    for (const status of ALL) expect([status, leaving(status).length > 0]).toEqual([status, !STATUSES[status].final]);
  });

  test('lets an operator or the clock end every wait', () => {
    for (const status of ALL.filter((candidate) => !STATUSES[candidate].final)) {
      const ends = ROWS.filter(
        ({ from, who }) => from.includes(status) && (who.includes('timer') || who.includes('client')),
      );
      expect([status, ends.some(({ command }) => command === 'expire')]).toEqual([status, true]);
    }
  });

  test('names only events that exist, each with an evolver and a meaning', () => {
    const events = [...new Set(ROWS.map((row) => row.event))].sort();
    expect(Object.keys(EVOLVERS).sort()).toEqual(events);
    for (const event of events) expect(Object.keys(ORDER_EVENTS)).toContain(event);
  });

  test('is the source of the database check', () => {
    const folder = join(import.meta.dirname, 'migrations');
    const files = readdirSync(folder).sort();
    const sql = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
    // The last migration that states the check has the say.
    const listed = [...sql.matchAll(/check \(status in \((\s*'CREATED'[^)]*)\)/g)].at(-1)![1]!;
    expect([...listed.matchAll(/'([A-Z_]+)'/g)].map((match) => match[1])).toEqual(ALL);
  });

  test('is the only place that names a next status', () => {
    const literal = new RegExp(`\\bstatus\\s*[:=]\\s*(?![=])['"\`](${ALL.join('|')})['"\`]`);
    const folder = import.meta.dirname;
    // What the description of the API shows is where an order stands, not where one goes.
    const naming = ['rules/lifecycle.ts', 'example-order.ts'];
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !naming.includes(file),
    );
    expect(files).toContain('rules/decide.ts');
    expect(files.filter((file) => literal.test(readFileSync(join(folder, file), 'utf8')))).toEqual([]);
  });

  test('plans late facts only where no row applies', () => {
    for (const { in: statuses, command } of LATE_FACTS)
      for (const status of statuses) expect([status, command, rowsFor(status, command)]).toEqual([status, command, []]);
  });

  test('throws for an event that cannot happen', () => {
    expect(() => nextStatus('COMPLETED', 'OrderPaid')).toThrow('cannot happen');
    expect(() => evolve(orderIn('CREATED'), past('OrderPaid', {}))).toThrow('cannot happen');
    expect(() => evolve(orderIn('CREATED'), past('StockReserved', {}))).toThrow('No evolve');
  });
});

describe.each(ALL)('an order in %s', (status) => {
  test.each(COMMANDS.filter((command) => command !== 'proceed'))('takes %s as the table says', (name) => {
    const rows = rowsFor(status, name);
    const seen = new Set<string>();
    for (const order of ordersFor(status, name)) {
      for (const command of samplesFor(status, name as Exclude<CommandName, 'proceed'>)) {
        const decision = decide(command, order, context);
        if (rows.length === 0) {
          // A fact that is planned to come late changes nothing; whatever people ask for is refused.
          const late = asksForPeople.has(name) ? undefined : lateFact(status, name);
          expect(decision).toMatchObject(
            late === undefined ? { refused: refusalCode(status, name) } : { ignored: late },
          );
          continue;
        }
        expect(isRefusal(decision) || 'ignored' in decision ? decision : undefined).toBeUndefined();
        if (!('events' in decision)) continue;
        let at: Status = status;
        for (const event of decision.events) {
          const row = [...rowsFor(at, name), ...rowsFor(at, 'proceed')].find(
            (candidate) => candidate.event === event.type,
          );
          expect(row, `${event.type} in ${at}`).toBeDefined();
          if (rows.some((candidate) => candidate.event === event.type)) seen.add(event.type);
          at = row!.to === 'same' ? at : row!.to;
        }
        expect(decision.order.status).toBe(at);
        expect(decision.events.reduce<Order>(evolve, order)).toEqual(decision.order);
      }
    }
    // No row is there for nothing.
    expect([...seen].sort()).toEqual([...new Set(rows.map((row) => row.event))].sort());
  });
});

describe('facts of other services', () => {
  const rules = orderRules(deadlines);
  test.each(['cancel', 'release'] as const)(
    'by a review that comes too late: %s is ignored with its reason',
    (name) => {
      for (const status of FINAL.filter((candidate) => candidate !== 'COMPLETED')) {
        const decision = decide({ ...SAMPLES[name][0]!, fact: true } as OrderCommand, orderIn(status), context);
        expect(decision).toEqual({ ignored: lateFact(status, name) });
      }
    },
  );

  test('that the table does not expect stop the order instead of passing in silence', () => {
    const event = {
      id: 'e',
      source: '/olms/payments',
      type: 'PaymentSucceeded',
      subject: 'o',
      sequence: 1,
      time: '',
      correlationid: 'c',
      causationid: 'c',
    } as const;
    const data = { amount: '29.85', captured: '29.85', currency: 'EUR', provider: 'p', providerReference: 'r' };
    const shared = { get: () => undefined, set: () => {} };
    expect(() => rules.react({ ...event, data }, orderIn('COMPLETED'), { ...context, shared })).toThrow(
      'recordPayment',
    );
    expect(() => rules.react({ ...event, data }, undefined, { ...context, shared })).toThrow('not known');
  });
});
