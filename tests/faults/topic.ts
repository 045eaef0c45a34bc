import { createHash } from 'node:crypto';
import pg from 'pg';
import { eachMessage, type KcatMessage } from '#dev/brokers/kcat.ts';

/** What is on the topic, read with other people's client, beside the outboxes it came from. */

export interface TopicReport {
  readonly faults: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

export interface TopicQuestion {
  readonly brokers: string;
  readonly topic: string;
  /** The database of each service. */
  readonly databases: readonly string[];
  /** Something was published again, so that an event may stand before one of another service that caused it. */
  readonly causesMayFollow?: boolean;
}

/** What an event says of itself, on the topic or in an outbox. */
export interface Said {
  readonly order: string;
  readonly source: string;
  readonly type: string;
  readonly sequence: number;
  readonly cause: string;
  /** Of the data, byte by byte. */
  readonly digest: string;
}

const EXAMPLES_MAX = 3;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Faults by kind: how many there are, and some of them. */
export class Faults {
  readonly #kinds = new Map<string, string[]>();
  readonly #counts = new Map<string, number>();

  add(kind: string, example: string): void {
    const examples = this.#kinds.get(kind) ?? [];
    this.#kinds.set(kind, examples);
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (examples.length < EXAMPLES_MAX) examples.push(example);
  }

  lines(): string[] {
    return [...this.#kinds].map(
      ([kind, examples]) => `topic: ${kind}: ${this.#counts.get(kind)}, such as ${examples.join('; ')}`,
    );
  }
}

/**
 * Every message has its order's id as key, and an order has one partition. Without the repetitions, no event of an
 * order stands before its cause, each source's sequence has no gap, and the topic says what the outboxes say.
 */
export async function compareTopic({
  brokers,
  topic,
  databases,
  causesMayFollow = false,
}: TopicQuestion): Promise<TopicReport> {
  const faults = new Faults();
  const outboxes = new Map<string, Said>();
  let parked = 0;
  for (const url of databases) parked += await readOutbox(url, outboxes, faults);
  const reader = new TopicReader(outboxes, faults, causesMayFollow);
  const messages = await eachMessage(brokers, topic, (message) => reader.take(message));
  reader.end();
  return {
    faults: faults.lines(),
    figures: {
      'messages read by kcat': messages,
      'events in the outboxes': outboxes.size,
      'published twice or more': messages - reader.distinct,
      'orders on the topic': reader.orders,
      'events parked': parked,
    },
  };
}

async function readOutbox(url: string, outboxes: Map<string, Said>, faults: Faults): Promise<number> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 120_000 });
  await client.connect();
  try {
    const { rows } = await client.query<Said & { id: string }>(
      'select id, subject as "order", source, type, sequence, causationid as cause, md5(data::text) as digest from log.order_outbox',
    );
    for (const { id, ...said } of rows) {
      if (outboxes.has(id)) faults.add('in two outboxes', describe(id, said));
      outboxes.set(id, said);
    }
    const parked = await client.query<{ consumer: string; order_id: string; reason: string | null }>(
      'select consumer, order_id, reason from log.parked_events',
    );
    for (const { consumer, order_id: order, reason } of parked.rows)
      faults.add('parked', `${order} by ${consumer}: ${reason}`);
    return parked.rows.length;
  } finally {
    await client.end();
  }
}

/** Takes messages in the order of the topic and says what is wrong with them. */
export class TopicReader {
  readonly #outboxes: ReadonlyMap<string, Said>;
  readonly #faults: Faults;
  readonly #seen = new Map<string, Said>();
  readonly #partitions = new Map<string, number>();
  readonly #sequences = new Map<string, number>();

  readonly #causesMayFollow: boolean;

  constructor(outboxes: ReadonlyMap<string, Said>, faults: Faults, causesMayFollow = false) {
    this.#causesMayFollow = causesMayFollow;
    this.#outboxes = outboxes;
    this.#faults = faults;
  }

  get distinct(): number {
    return this.#seen.size;
  }
  get orders(): number {
    return this.#partitions.size;
  }

  /** Nothing follows: what has not come is missing. */
  end(): void {
    for (const [id, said] of this.#outboxes)
      if (!this.#seen.has(id)) this.#faults.add('in an outbox and not on the topic', describe(id, said));
  }

  take({ partition, offset, key, headers, payload }: KcatMessage): void {
    const id = headers['ce_id'] ?? '';
    const said: Said = {
      order: headers['ce_subject'] ?? '',
      source: headers['ce_source'] ?? '',
      type: headers['ce_type'] ?? '',
      sequence: Number(headers['ce_sequence']),
      cause: headers['ce_causationid'] ?? '',
      digest: createHash('md5')
        .update(payload ?? '')
        .digest('hex'),
    };
    const place = `${describe(id, said)} at ${partition}/${offset}`;
    if (key !== said.order || !UUID.test(said.order))
      this.#faults.add('the key is not the order id', `${key}, ${place}`);
    const home = this.#partitions.get(said.order) ?? partition;
    this.#partitions.set(said.order, home);
    if (home !== partition) this.#faults.add('an order in two partitions', `${place}, first in ${home}`);
    const stored = this.#outboxes.get(id);
    if (!stored) this.#faults.add('on the topic and in no outbox', place);
    else if (!same(stored, said)) this.#faults.add('not what the outbox says', place);
    // A repetition; its content was just compared.
    if (this.#seen.has(id)) return;
    this.#seen.set(id, said);
    const source = `${said.order} ${said.source}`;
    const before = this.#sequences.get(source) ?? 0;
    if (said.sequence !== before + 1) this.#faults.add('a gap in a sequence', `${place} follows ${before}`);
    this.#sequences.set(source, said.sequence);
    // The cause of most events is an event; of some it is a command, which is in no outbox.
    const cause = this.#outboxes.get(said.cause);
    const mayFollow = this.#causesMayFollow && cause?.source !== said.source;
    if (cause?.order === said.order && !this.#seen.has(said.cause) && !mayFollow)
      this.#faults.add('before its cause', place);
  }
}

function same(a: Said, b: Said): boolean {
  return (
    a.order === b.order &&
    a.source === b.source &&
    a.type === b.type &&
    a.sequence === b.sequence &&
    a.cause === b.cause &&
    a.digest === b.digest
  );
}

function describe(id: string, { order, source, type, sequence }: Said): string {
  return `${type} ${id} (${source}, ${sequence}) of ${order}`;
}
