import type { Envelope } from '#contracts/envelope.ts';
import type { Database } from '#platform/database/database.ts';
import type { Write } from '#platform/database/statement.ts';
import {
  deleteParked,
  loadParked,
  loadParkedOrders,
  loadSkipped,
  type Parked,
  parkEvents,
  type StoredParked,
  type UnparkChange,
} from './parked.ts';

/** An order's queue, while an operator's decision about it is carried out. */
export interface ParkedQueue {
  readonly orderId: string;
  readonly stored: readonly StoredParked[];
  readonly change: UnparkChange;
  /** What is to be consumed now: the queue, its first event edited or left out as the operator says. */
  readonly events: readonly Envelope[];
}

/**
 * What a consumer remembers of its parked orders: which they are, so that later events of them queue behind, and which
 * events an operator left out, so that they stay left out when they are read again. Another process may park and
 * unpark too: {@link refresh} reads what is stored.
 */
export class Parking {
  readonly #database: Database;
  readonly #consumer: string;
  readonly #orders = new Set<string>();
  readonly #skipped = new Set<string>();

  constructor(database: Database, consumer: string) {
    this.#database = database;
    this.#consumer = consumer;
  }

  /** Ids of the orders that are parked. */
  get parked(): ReadonlySet<string> {
    return this.#orders;
  }

  /** Ids of the events that an operator left out. */
  get skipped(): ReadonlySet<string> {
    return this.#skipped;
  }

  /** Reads both from the database. */
  async refresh(): Promise<void> {
    await this.refreshOrders();
    for (const id of await loadSkipped(this.#database, this.#consumer)) this.#skipped.add(id);
  }

  /** Reads which orders are parked: enough for a consumer that never reads again what it has read. */
  async refreshOrders(): Promise<void> {
    const orders = await loadParkedOrders(this.#database, this.#consumer);
    this.#orders.clear();
    for (const order of orders) this.#orders.add(order);
  }

  /** The write that parks events which were read from the log; {@link add} them once it is committed. */
  park(events: readonly Parked[]): Write {
    return parkEvents(this.#consumer, events, { unlessQueued: true });
  }

  /** The orders of these events are parked: later events of them queue behind. */
  add(events: readonly { readonly event: { readonly subject: string } }[]): void {
    for (const { event } of events) this.#orders.add(event.subject);
  }

  /** The queue of an order with an operator's decision applied to it; undefined where nothing is parked. */
  async open(orderId: string, change: UnparkChange): Promise<ParkedQueue | undefined> {
    const stored = await loadParked(this.#database, this.#consumer, orderId);
    const [first, ...behind] = stored;
    if (!first) return undefined;
    const events = behind.map(({ event }) => event);
    if (change.action === 'retry')
      events.unshift(change.data === undefined ? first.event : { ...first.event, data: change.data });
    return { orderId, stored, change, events };
  }

  /**
   * The writes that take a queue out of the park and record who did it. What is `refused` once more is parked again.
   * A conflict where somebody else changed the queue meanwhile.
   */
  release({ orderId, stored, change }: ParkedQueue, refused: readonly Parked[]): Write[] {
    const writes = deleteParked(this.#consumer, orderId, stored, change);
    if (refused.length > 0) writes.push(parkEvents(this.#consumer, refused));
    return writes;
  }

  /** The writes of {@link release} were committed. */
  released({ orderId, stored, change }: ParkedQueue, refused: readonly Parked[]): void {
    if (refused.length === 0) this.#orders.delete(orderId);
    if (change.action === 'skip') this.#skipped.add(stored[0]!.event.id);
  }

  /** Nothing of this order is parked. */
  forget(orderId: string): void {
    this.#orders.delete(orderId);
  }
}
