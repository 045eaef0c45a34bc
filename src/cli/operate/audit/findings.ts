import { billingAudit } from '#billing/audit.ts';
import { inventoryAudit } from '#inventory/audit.ts';
import { ordersAudit } from '#orders/audit.ts';
import { hasOpenOperation, paymentsAudit } from '#payments/audit.ts';
import type { RowMark, ServiceAudit } from '#platform/audit.ts';
import { shippingAudit } from '#shipping/audit.ts';
import type { Check } from './checks.ts';
import type { LogRow, OrderFile } from './pages.ts';
import type { Reading } from './reading.ts';

/** Something between services that does not agree. */
export interface Finding {
  readonly check: Check;
  readonly subject: string;
  readonly detail: string;
  /** The service that has to act on an event for this to agree; without it the finding stands at once. */
  readonly consumer?: Consumer;
  /** Whether that service has read the event; undefined where nothing says so. */
  readonly read?: boolean | undefined;
  /** Of what is known about the order; another one later means that it moves. */
  readonly fingerprint: string;
  /** It comes right by itself: a call of the provider is open that reconciliation will see to, or an order is being placed. */
  readonly open?: boolean;
}

const CONSUMERS = {
  orders: ordersAudit,
  inventory: inventoryAudit,
  payments: paymentsAudit,
  shipping: shippingAudit,
  billing: billingAudit,
} as const satisfies Record<string, ServiceAudit>;
export type Consumer = keyof typeof CONSUMERS;

/** What is found wrong with one order, and what would have to happen for it to come right by itself. */
export class Findings {
  readonly all: Finding[] = [];
  readonly #file: OrderFile;
  readonly #reading: Reading;

  constructor(file: OrderFile, reading: Reading) {
    this.#file = file;
    this.#reading = reading;
  }

  /** Wrong whatever is still to be read. */
  report(check: Check, detail: string): void {
    this.all.push({ check, subject: this.#file.id, detail, fingerprint: this.#file.fingerprint });
  }

  /** Not at rest: something is under way that will see to it. */
  reportOpen(check: Check, detail: string): void {
    const { id: subject, fingerprint } = this.#file;
    this.all.push({ check, subject, detail, consumer: 'orders', read: true, open: true, fingerprint });
  }

  /** Wrong once the service has read these events. */
  reportAfter(check: Check, detail: string, consumer: Consumer, ...types: readonly string[]): void {
    const file = this.#file;
    this.all.push({
      check,
      subject: file.id,
      detail,
      consumer,
      read: this.#hasRead(consumer, types),
      fingerprint: file.fingerprint,
      open: consumer === 'payments' && hasOpenOperation(file.rowOf(paymentsAudit)),
    });
  }

  #hasRead(consumer: Consumer, types: readonly string[]): boolean | undefined {
    const audit = CONSUMERS[consumer] as ServiceAudit;
    const row = this.#file.rowOf(audit);
    const mark = row === undefined ? undefined : audit.orders?.mark?.(row);
    const answers = this.#file.events
      .filter(({ type }) => types.includes(type))
      .map((event) => isConsumed(mark, event) || this.#reading.hasRead(consumer, event));
    return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
  }
}

/** Whether the row itself says so: it counts what it has consumed of each source. */
function isConsumed(mark: RowMark | undefined, { source, sequence }: LogRow): boolean {
  return mark !== undefined && (mark.seen[source] ?? 0) >= sequence;
}
