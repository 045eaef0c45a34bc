import type { Decision } from './decision.ts';
import { type Reminders, remindAt } from './model.ts';
import type { Operation } from './operation.ts';
import { received } from './receipts.ts';

/** Customers who are to transfer money are reminded of what has not come, some times. */

/** It is time to remind the customer of an operation that waits for money. */
export function remind(decision: Decision, operation: Operation, reminders: Reminders, nowMs: number): void {
  const { payment } = decision;
  const { due, received: taken } = received(payment);
  const number = (operation.reminders ?? 0) + 1;
  const after: Operation = { ...operation, reminders: number };
  decision.replace({ ...after, nextAttemptAt: remindAt(payment, after, reminders, nowMs) });
  const { currency, provider } = payment;
  const reminder = { number, due: decision.text(due), received: decision.text(taken), currency };
  decision.events.push({ type: 'PaymentPending', data: { reason: 'reminder', provider, reminder } });
}
