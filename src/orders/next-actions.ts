import type { NextAction, Peers } from '#contracts/peers.ts';
import { SOURCES } from '#contracts/order-events.ts';
import type { Database } from '#platform/database/database.ts';
import { authTypeOf, type Principal } from '#platform/http/principal.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Order } from './rules/state.ts';

/**
 * What a customer has to do to pay, such as 3-D Secure. Whoever reads it can act as the customer, so only the customer
 * and the caller who placed the order do. It is no part of the order: payments are asked for it, and it is in no event.
 */

type Shown = Pick<Order, 'paymentStatus' | 'customerId'> & { readonly id: string };

const NONE: ReadonlyMap<string, NextAction> = new Map();

export class NextActions {
  readonly #database: Database;
  readonly #peers: Pick<Peers, 'nextActions'>;
  readonly #logger: Logger;

  constructor(database: Database, peers: Pick<Peers, 'nextActions'>, logger: Logger) {
    this.#database = database;
    this.#peers = peers;
    this.#logger = logger;
  }

  /** By order, what this caller may see. An order whose payments cannot be reached is shown without it. */
  async shownTo(principal: Principal, orders: readonly Shown[]): Promise<ReadonlyMap<string, NextAction>> {
    const waiting = orders.filter(({ paymentStatus }) => paymentStatus === 'REQUIRES_ACTION');
    if (waiting.length === 0) return NONE;
    const ids = await this.#forCaller(principal, waiting);
    if (ids.length === 0) return NONE;
    try {
      return new Map(Object.entries((await this.#peers.nextActions({ ids })).actions));
    } catch (error) {
      this.#logger.warn({ err: error }, 'payments were not reached, so nobody is shown what they have to do to pay');
      return NONE;
    }
  }

  async #forCaller(principal: Principal, orders: readonly Shown[]): Promise<string[]> {
    const { customer, name } = principal;
    if (customer !== undefined) return orders.filter(({ customerId }) => customerId === customer).map(({ id }) => id);
    // Who placed it is said by its first event alone.
    const rows = await this.#database.query<{ subject: string }>(
      `select subject from log.order_outbox
       where subject = any($1::uuid[]) and source = $2 and sequence = 1 and authtype = $3 and authid = $4`,
      [orders.map(({ id }) => id), SOURCES.orders, authTypeOf(principal), name],
    );
    return rows.map(({ subject }) => subject);
  }
}
