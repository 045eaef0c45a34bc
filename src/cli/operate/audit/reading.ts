import { loadSkipped } from '#platform/log/parked.ts';
import type { LogRow } from './pages.ts';
import type { Place, Places } from './places.ts';

/** How far the consumers have read, as far as the databases of one snapshot say. */
export class Reading {
  readonly #offsets: ReadonlyMap<Place, ReadonlyMap<string, Offset>>;
  readonly #skipped: ReadonlyMap<string, ReadonlySet<string>>;

  private constructor(
    offsets: ReadonlyMap<Place, ReadonlyMap<string, Offset>>,
    skipped: ReadonlyMap<string, ReadonlySet<string>>,
  ) {
    this.#offsets = offsets;
    this.#skipped = skipped;
  }

  static async of({ all }: Places): Promise<Reading> {
    const offsets = new Map<Place, ReadonlyMap<string, Offset>>();
    const skipped = new Map<string, ReadonlySet<string>>();
    for (const place of all) {
      // Positions on Kafka say nothing about rows here.
      const rows = await place.database.query<Offset & { consumer: string }>(
        'select consumer, txid, position from log.consumer_offsets where partition = 0 and txid > 0',
      );
      offsets.set(place, new Map(rows.map(({ consumer, ...position }) => [consumer, position])));
      for (const { name } of place.services) skipped.set(name, new Set(await loadSkipped(place.database, name)));
    }
    return new Reading(offsets, skipped);
  }

  /** Whether a consumer has read past an event; undefined where its position cannot be compared. */
  hasRead(consumer: string, { id, place, txid, position }: LogRow): boolean | undefined {
    if (this.#skipped.get(consumer)?.has(id)) return true;
    const offset = this.#offsets.get(place)?.get(consumer);
    return offset && (txid < offset.txid || (txid === offset.txid && position <= offset.position));
  }
}

interface Offset extends Record<string, unknown> {
  readonly txid: number;
  readonly position: number;
}
