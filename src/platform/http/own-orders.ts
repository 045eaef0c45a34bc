import type { FastifyRequest } from 'fastify';
import { isUuid } from '#contracts/ids.ts';
import type { Peers } from '#contracts/peers.ts';
import { Lru } from '#platform/runtime/lru.ts';
import type { Principal } from './principal.ts';
import { Problem } from './problems.ts';

/**
 * Whose orders are whose. A customer has own orders only, and those of others are not there: not to be read, changed,
 * listed or followed. An order's customer never changes, so each is asked for once.
 */

const KNOWN_MAX = 50_000;
const NOBODY = null;

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * How a route that customers may call keeps the orders of others from them: the `id` in its path is an `order`,
     * which is asked for before anything happens; or what it does is `filtered` by the route itself; or it shows what
     * `everybody` may see. Without it no customer may be permitted the route.
     */
    ofCustomer?: 'order' | 'filtered' | 'everybody';
  }
  interface FastifyInstance {
    readonly ownOrders: OwnOrders;
  }
}

export class OwnOrders {
  readonly #ask: Peers['customersOfOrders'];
  /** The `customerId` by order; null: that of a guest, or no order. */
  readonly #known = new Lru<{ readonly customer: string | null }>(KNOWN_MAX);

  constructor(ask: Peers['customersOfOrders']) {
    this.#ask = ask;
  }

  /** Of these ids, in small letters, those of orders that the caller may see. */
  async among({ customer }: Principal, ids: readonly string[]): Promise<readonly string[]> {
    if (customer === undefined) return ids;
    const unknown = ids.filter((id) => isUuid(id) && !this.#known.get(id));
    const customers = unknown.length === 0 ? {} : (await this.#ask({ ids: unknown })).customers;
    return ids.filter((id) => {
      const asked = customers[id];
      // What is no order yet may become one.
      if (asked !== undefined) this.#known.set(id, { customer: asked });
      return (asked ?? this.#known.get(id)?.customer) === customer;
    });
  }

  /** Throws ORDER_NOT_FOUND where the order is not one that the caller may see. */
  async assert(principal: Principal, id: string): Promise<void> {
    if (principal.customer === undefined) return;
    if ((await this.among(principal, [id.toLowerCase()])).length === 0)
      throw new Problem('ORDER_NOT_FOUND', 'There is no order with this id.');
  }

  /** Learns the customers of orders of which events exist, so that {@link isOf} knows them. */
  async learn(ids: readonly string[]): Promise<void> {
    const unknown = [...new Set(ids.filter((id) => !this.#known.get(id)))];
    if (unknown.length === 0) return;
    const { customers } = await this.#ask({ ids: unknown });
    for (const id of unknown) this.#known.set(id, { customer: customers[id] ?? NOBODY });
  }

  /** Whether an order is this customer's; undefined where that has to be learned first. */
  isOf(customer: string, id: string): boolean | undefined {
    const known = this.#known.get(id);
    return known && known.customer === customer;
  }
}

/** Throws ORDER_NOT_FOUND where the order in the path is not one that the caller may see. */
export async function assertOwnOrder({ principal, params, server }: FastifyRequest): Promise<void> {
  await server.ownOrders.assert(principal, (params as { id: string }).id);
}

/** Of the orders that a list is asked for, those that the caller may see. A customer has to name some. */
export async function ownOrders(
  { principal, server }: FastifyRequest,
  ids: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  if (principal.customer === undefined) return ids;
  if (ids === undefined)
    throw new Problem('VALIDATION_FAILED', 'Say with orderId of which of your orders.', {
      errors: [{ pointer: '/orderId', detail: 'is missing' }],
    });
  return server.ownOrders.among(principal, ids);
}
