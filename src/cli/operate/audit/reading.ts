import { partitionOf } from '#platform/kafka/partitioner.ts';
import { RELAY_CONSUMER } from '#platform/kafka/relay.ts';
import { loadSkipped } from '#platform/log/parked.ts';
import type { LogRow } from './pages.ts';
import type { Place, Places } from './places.ts';

/** How far the consumers have read, as far as the databases of one snapshot say. */
export class Reading {
  /** Of consumers of the log in PostgreSQL, and of relays that publish it. */
  readonly #positions = new Map<Place, ReadonlyMap<string, Position>>();
  /** Of consumers of a topic, by partition. */
  readonly #offsets = new Map<string, ReadonlyMap<number, number>>();
  /** How far anybody has read each partition of the topic. */
  readonly #furthest = new Map<number, number>();
  readonly #skipped = new Map<string, ReadonlySet<string>>();
  #partitions = 0;

  static async of({ all }: Places): Promise<Reading> {
    const reading = new Reading();
    for (const place of all) await reading.#read(place);
    return reading;
  }

  async #read(place: Place): Promise<void> {
    const { database, services } = place;
    const rows = await database.query<Position & { consumer: string; partition: number }>(
      'select consumer, partition, txid, position from log.consumer_offsets',
    );
    const positions = rows.filter(({ txid, partition }) => txid > 0 && partition === 0);
    this.#positions.set(place, new Map(positions.map(({ consumer, ...position }) => [consumer, position])));
    const [published] = await database.query<{ partitions: number }>('select partitions from log.publishing');
    this.#partitions = published?.partitions ?? this.#partitions;
    for (const { name } of services) {
      this.#skipped.set(name, new Set(await loadSkipped(database, name)));
      const own = rows.filter(({ consumer, txid }) => consumer === name && txid === 0);
      this.#offsets.set(name, new Map(own.map(({ partition, position }) => [partition, position])));
      for (const { partition, position } of own)
        this.#furthest.set(partition, Math.max(position, this.#furthest.get(partition) ?? 0));
    }
  }

  /** Whether a consumer has read past an event: true, false, or undefined where its position does not say. */
  hasRead(consumer: string, event: LogRow): boolean | undefined {
    if (this.#skipped.get(consumer)?.has(event.id)) return true;
    const positions = this.#positions.get(event.place)!;
    const position = positions.get(consumer);
    if (position) return !isBeyond(event, position);
    const relayed = positions.get(RELAY_CONSUMER);
    return relayed && (isBeyond(event, relayed) || this.#isBehind(consumer, event.subject)) ? false : undefined;
  }

  /** Whether somebody has read further on the partition of the order. */
  #isBehind(consumer: string, orderId: string): boolean {
    const partition = partitionOf(orderId, this.#partitions);
    return (this.#offsets.get(consumer)?.get(partition) ?? 0) < (this.#furthest.get(partition) ?? 0);
  }
}

interface Position extends Record<string, unknown> {
  readonly txid: number;
  readonly position: number;
}

function isBeyond({ txid, position }: LogRow, last: Position): boolean {
  return txid > last.txid || (txid === last.txid && position > last.position);
}
