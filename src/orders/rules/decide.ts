import type { Refusal } from '#contracts/errors.ts';
import type { NewEvent } from '#contracts/order-events.ts';
import { type Ignored, ignore } from '#platform/processor/aggregate.ts';
import { type DecideContext, type OrderCommand, isFact } from './commands.ts';
import { changeRequested, openPieces } from './change.ts';
import { arrived } from './claims.ts';
import { deadline } from './deadlines.ts';
import { completed, EVENTS_OF, paid, paymentRequest } from './events.ts';
import { evolve } from './evolve.ts';
import { lateFact, rowsFor } from './lifecycle.ts';
import { POLICIES, notAllowed } from './policies.ts';
import { amountToCapture, type Occasion, settle } from './settle.ts';
import { type Order, isPaused } from './state.ts';
import { stopUnpaid } from './unpaid.ts';

/**
 * Decides and folds: the events of a command and the order after them, or the refusal. Pure: time and ids come in with
 * the context. The lifecycle table holds whether the command exists in the order's status, `POLICIES` whether its
 * conditions are met, `EVENTS_OF` what follows.
 */
export function decide(
  command: OrderCommand,
  order: Order,
  context: DecideContext,
): { events: NewEvent[]; order: Order } | Refusal | Ignored {
  const allowed = rowsFor(order.status, command.type);
  if (allowed.length === 0) {
    const late = lateFact(order.status, command.type);
    if (late !== undefined && isFact(command)) return ignore(late);
    return notAllowed(order, command.type);
  }
  const refused = POLICIES[command.type]?.(order, command as never);
  if (refused) return refused;
  const events = EVENTS_OF[command.type](command as never, order, context);
  if (!Array.isArray(events)) return events;
  let after = order;
  for (const event of events) after = evolve(after, event);
  const take = (more: readonly NewEvent[]): void => {
    events.push(...more);
    after = more.reduce<Order>(evolve, after);
  };
  const goOn = (): void => {
    for (let step = proceed(after, order, context); step.length > 0; step = proceed(after, order, context)) take(step);
  };
  goOn();
  take(settle(after, occasionOf(command, after), context));
  // Money that is given back may stop goods.
  goOn();
  return { events, order: after };
}

/** Why money is owed once a command is carried out; whoever gave the command gives it back. */
function occasionOf(command: OrderCommand, { returns }: Order): Occasion {
  const moves = command.type === 'recordDispatch' || command.type === 'recordDelivery';
  const by = 'by' in command && !moves ? command.by : 'orders';
  const returned = command.type === 'receiveReturn' && returns.find(({ returnId }) => returnId === command.returnId);
  return { reason: returned ? `return: ${returned.reason}` : 'owed to the customer', by };
}

/**
 * The next step the order takes by itself, if any: ask for the payment, hand over to the warehouse, stop goods that
 * nothing is paid for any more, close what nothing is left of. `before` is the order before the decision.
 */
function proceed(order: Order, before: Order, context: DecideContext): NewEvent[] {
  const { status } = order;
  if (status === 'RESERVED' && !isPaused(order, 'payment')) {
    if (!order.paymentRequested) return [paymentRequest(order)];
    // Only what was paid before it was reserved is paid here already.
    if (order.paymentStatus === 'CAPTURED') return [paid({ paymentStatus: 'CAPTURED' }, order, context)];
  }
  const stop = stopUnpaid(order, before, context);
  if (stop) return [stop];
  if (status === 'PAID' && !isPaused(order, 'shipment')) {
    const data = {
      allocations: [...order.allocations],
      shippingAddress: order.shippingAddress,
      deadlineAt: deadline('READY_FOR_SHIPMENT', false, context),
    };
    return [{ type: 'OrderReadyForShipment', data }];
  }
  if (status === 'PARTIALLY_SHIPPED' && !order.change && (order.restWanted || order.cancelled)) {
    const open = openPieces(order);
    if (open.size === 0) {
      const amount = amountToCapture(order, []);
      const deadlineAt = deadline('SHIPPED', false, context);
      return [{ type: 'OrderShippingClosed', data: { ...(amount !== undefined && { amount }), deadlineAt } }];
    }
    if (order.restWanted) return [changeRequested(order, open, true, order.restWanted, context)];
  }
  if (status === 'SHIPPED' && arrived(order)) return completed(order);
  return [];
}
