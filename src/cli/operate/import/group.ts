import type { CsvRecord } from './csv.ts';
import type { Mapping } from './mapping.ts';
import { plainText } from './numbers.ts';
import type { Field } from './presets.ts';

/**
 * Groups lines to orders in two readings of the file. The first remembers where each order ends, in a few bytes; the
 * second holds an order only until its last line has come, wherever in the file that is. So memory does not grow with
 * the file, and a file that cannot be read to its end sends nothing.
 */

/** The lines of one order; those of no order each stand for themselves, under no number. */
export interface FileOrder {
  readonly number: string;
  readonly rows: readonly CsvRecord[];
  /** All of its lines, also those beyond {@link ROWS_MAX}, which are not kept. */
  readonly lines: number;
  /** A line that has more fields than the header. */
  readonly misshapen?: number | undefined;
}

/** More than the system takes in an order. */
export const ROWS_MAX = 2_000;

export interface Survey {
  /** Records that are lines of orders. */
  readonly records: number;
  readonly orders: number;
  /** The number of its last record, by order number. */
  lastOf(number: string): number | undefined;
}

/** What a line says about a field: the texts of its columns, joined. */
export function valueOf(record: CsvRecord, places: Mapping['places'], field: Field): string {
  const columns = places.get(field);
  if (!columns) return '';
  if (columns.length === 1) return plainText(record.fields[columns[0]!] ?? '');
  return columns
    .map((place) => plainText(record.fields[place] ?? ''))
    .filter((text) => text !== '')
    .join(' ');
}

const ORDER_FIELDS: readonly Field[] = ['date', 'customer', 'email', 'currency', 'total', 'status'];
const LINE_FIELDS: readonly Field[] = ['sku', 'name', 'quantity', 'price', 'amount', 'packed'];
const FOOTER_CELLS_MAX = 2;

/** The order that each line belongs to, in the order of the file; titles and sums below a table are no lines. */
class Belonging {
  readonly #mapping: Mapping;
  #number = '';

  constructor(mapping: Mapping) {
    this.#mapping = mapping;
  }

  /** The number of its order; '' where it has none; undefined where it is no line. */
  of(record: CsvRecord): string | undefined {
    const { places, columns } = this.#mapping;
    const has = (field: Field): boolean => valueOf(record, places, field) !== '';
    const filled = record.fields.reduce((count, field) => (field.trim() === '' ? count : count + 1), 0);
    const isFooter = filled <= FOOTER_CELLS_MAX && filled * 3 <= columns && !has('quantity') && !has('packed');
    if (filled === 0 || isFooter) return undefined;
    const number = valueOf(record, places, 'invoice');
    if (number !== '') return (this.#number = number);
    if (!LINE_FIELDS.some(has)) return undefined;
    // Many exports say once what the order is, and leave it blank in the lines that follow.
    return ORDER_FIELDS.some(has) ? '' : this.#number;
  }
}

/** First reading; `onRecord` sees every line of an order. */
export async function survey(
  records: AsyncIterable<CsvRecord>,
  mapping: Mapping,
  onRecord?: (record: CsvRecord) => void,
): Promise<Survey> {
  const lasts = new LastRecords();
  const belonging = new Belonging(mapping);
  let index = 0;
  let alone = 0;
  for await (const record of records) {
    const number = belonging.of(record);
    if (number === undefined) continue;
    if (number === '') alone++;
    else lasts.set(number, index);
    onRecord?.(record);
    index++;
  }
  return { records: index, orders: lasts.size + alone, lastOf: (number) => lasts.get(number) };
}

interface OpenOrder {
  readonly number: string;
  readonly rows: CsvRecord[];
  lines: number;
  misshapen?: number;
}

/** Second reading: each order as soon as its last line has come. */
export async function* orders(
  records: AsyncIterable<CsvRecord>,
  mapping: Mapping,
  surveyed: Survey,
): AsyncGenerator<FileOrder> {
  const open = new Map<string, OpenOrder>();
  const belonging = new Belonging(mapping);
  let index = 0;
  for await (const record of records) {
    const number = belonging.of(record);
    if (number === undefined) continue;
    const order: OpenOrder = open.get(number) ?? { number, rows: [], lines: 0 };
    order.lines++;
    if (order.rows.length < ROWS_MAX) order.rows.push(record);
    if (record.fields.slice(mapping.columns).some((field) => field.trim() !== '')) order.misshapen ??= record.line;
    if (number === '' || surveyed.lastOf(number) === index) {
      open.delete(number);
      yield order;
    } else open.set(number, order);
    index++;
  }
  if (index !== surveyed.records) throw new Error('The file changed while it was read; import it again.');
  // Two numbers of one hash: the one that ended first waited for the other.
  yield* open.values();
}

const FIRST_SLOTS = 1 << 12;
const LOAD_MAX = 0.6;

/** The last record by order number, in twelve bytes an order: the number itself is kept as a hash of 53 bits. */
class LastRecords {
  #hashes = new Float64Array(FIRST_SLOTS);
  #lasts = new Uint32Array(FIRST_SLOTS);
  size = 0;

  set(number: string, index: number): void {
    const hash = hashOf(number);
    const slot = this.#slotOf(hash);
    if (this.#hashes[slot] === 0) {
      this.#hashes[slot] = hash;
      this.size++;
    }
    this.#lasts[slot] = index;
    if (this.size > this.#hashes.length * LOAD_MAX) this.#grow();
  }

  get(number: string): number | undefined {
    const slot = this.#slotOf(hashOf(number));
    return this.#hashes[slot] === 0 ? undefined : this.#lasts[slot];
  }

  #slotOf(hash: number): number {
    const { length } = this.#hashes;
    let slot = hash % length;
    while (this.#hashes[slot] !== 0 && this.#hashes[slot] !== hash) slot = slot + 1 === length ? 0 : slot + 1;
    return slot;
  }

  #grow(): void {
    const [hashes, lasts] = [this.#hashes, this.#lasts];
    this.#hashes = new Float64Array(hashes.length * 2);
    this.#lasts = new Uint32Array(hashes.length * 2);
    for (const [slot, hash] of hashes.entries()) {
      if (hash === 0) continue;
      const to = this.#slotOf(hash);
      this.#hashes[to] = hash;
      this.#lasts[to] = lasts[slot]!;
    }
  }
}

/** FNV-1a twice, from two beginnings; never 0. */
function hashOf(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b) ^ (high >>> 13);
  }
  return ((high >>> 0) & 0x1fffff) * 0x1_0000_0000 + (low >>> 0) + 1;
}
