import type { Refusal } from '#contracts/errors.ts';
import type { NewEvent } from '#contracts/order-events.ts';
import { type Ignored, ignore } from '#platform/processor/aggregate.ts';
import { type DecideContext, type OrderCommand, isFact } from './commands.ts';
import { deadline } from './deadlines.ts';
import { EVENTS_OF, paid, paymentRequest } from './events.ts';
import { evolve } from './evolve.ts';
import { lateFact, rowsFor } from './lifecycle.ts';
import { POLICIES, notAllowed } from './policies.ts';
import { settle } from './settle.ts';
import { type Order, isPaused } from './state.ts';

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
  for (let next = proceed(after, context); next; next = proceed(after, context)) {
    events.push(next);
    after = evolve(after, next);
  }
  for (const event of settleAfter(command)(after, context)) {
    events.push(event);
    after = evolve(after, event);
  }
  return { events, order: after };
}

/** Why money is owed once a command is carried out; whoever gave the command gives it back. */
function settleAfter(command: OrderCommand): (order: Order, context: DecideContext) => NewEvent[] {
  const moves = command.type === 'recordDispatch' || command.type === 'recordDelivery';
  const by = 'by' in command && !moves ? command.by : 'orders';
  return (order, context) => {
    const returned =
      command.type === 'receiveReturn' && order.returns.find(({ returnId }) => returnId === command.returnId);
    return settle(order, { reason: returned ? `return: ${returned.reason}` : 'owed to the customer', by }, context);
  };
}

/** The next step that the order can take by itself: ask for the payment, hand over to the warehouse. */
function proceed(order: Order, context: DecideContext): NewEvent | undefined {
  if (order.status === 'RESERVED' && !isPaused(order, 'payment')) {
    if (!order.paymentRequested) return paymentRequest(order);
    // Only what was paid before it was reserved is paid here already.
    if (order.paymentStatus === 'CAPTURED') return paid({ paymentStatus: 'CAPTURED' }, order, context);
  }
  if (order.status === 'PAID' && !isPaused(order, 'shipment')) {
    const data = {
      allocations: [...order.allocations],
      shippingAddress: order.shippingAddress,
      deadlineAt: deadline('READY_FOR_SHIPMENT', false, context),
    };
    return { type: 'OrderReadyForShipment', data };
  }
  return undefined;
}
