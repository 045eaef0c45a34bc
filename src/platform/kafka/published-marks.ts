import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '#platform/database/database.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { LOG_START, type LogPosition } from '#platform/log/bus.ts';
import { BrokerError } from './errors.ts';
import { type FetchedPartition, NO_RECORDS, type ReadPort, UNKNOWN_EPOCH } from './ports.ts';
import { TopicReplacedError } from './publisher.ts';
import { topicNumber } from './topic-offsets.ts';
import type { TopicView } from './topic-view.ts';

/**
 * What the brokers acknowledged, and whether they still have it. A broker that loses its power loses the end of its log,
 * whatever it acknowledged; with one replica in sync nobody else has it. So the relay remembers, for each partition,
 * the last event that was acknowledged and its offset: a log is only ever cut at its end, so while that event is in its
 * place, all before it is. Where it is not, an older row of `log.published` says what to publish again.
 */

const SLOT_MS = 10_000;
const SLOTS = 360;
const CHECK_BYTES = 64 * 1024;
const CHECK_BYTES_MAX = 4 * 1024 * 1024;
/** A broker that has just become the leader may not show yet all that it has. */
const PATIENCE_MS = 2_000;
const CHECK_EVERY_MS = 100;

/** The event at an offset of a partition. */
interface Mark {
  readonly offset: number;
  readonly id: string;
  /** Where the partition was behind the cursor then: up to where it was published. */
  readonly behind?: LogPosition;
}

/** `missing`: beyond the end, so far. `unknown`: the answer had no room for it. `unasked`: its leader did not say. */
type State = 'there' | 'lost' | 'missing' | 'unknown' | 'unasked';

/** What is known of partitions that are compared; those in `open` are asked once more. */
interface Round {
  readonly open: Map<number, Mark>;
  readonly missing: Set<number>;
  readonly lost: Set<number>;
  readonly unasked: Set<number>;
}

interface Slot {
  readonly position: LogPosition;
  readonly marks: Readonly<Record<string, Mark>>;
}

export interface Cut {
  readonly partition: number;
  /** The offset after the last event that was acknowledged. */
  readonly end: number;
  /** What stands behind this position in the outbox is to be published again. */
  readonly from: LogPosition;
}

/** Partitions have lost what was acknowledged. */
export class LogCut extends Error {
  readonly cuts: readonly Cut[];
  constructor(cuts: readonly Cut[]) {
    super(`the log was cut (partitions ${cuts.map(({ partition }) => partition).join(', ')})`);
    this.cuts = cuts;
  }
}

export class PublishedMarks {
  readonly #database: Database;
  readonly #topic: TopicView;
  readonly #port: ReadPort;
  readonly #marks = new Map<number, Mark>();
  #topicNumber = 0;

  constructor(database: Database, topic: TopicView, port: ReadPort) {
    this.#database = database;
    this.#topic = topic;
    this.#port = port;
  }

  /** Reads what the relay before noted about this topic. */
  async load(topicId: string): Promise<void> {
    this.#topicNumber = topicNumber(topicId);
    this.#marks.clear();
    const last = (await this.#slots()).at(-1);
    for (const [partition, mark] of Object.entries(last?.marks ?? {})) this.#marks.set(Number(partition), mark);
  }

  /** The brokers have an event of a partition at this offset. False where they had one behind it before: this is another log. */
  acknowledged(partition: number, offset: number, id: string): boolean {
    const before = this.#marks.get(partition);
    if (before && before.offset >= offset) return false;
    this.#marks.set(partition, { offset, id });
    return true;
  }

  /** Part of the statement that saves the cursor: what holds at this position. */
  write({ txid, position }: LogPosition, behind: (partition: number) => LogPosition | undefined): Write {
    const partitions: Record<string, Mark> = {};
    for (const [partition, { offset, id }] of this.#marks) {
      const held = behind(partition);
      partitions[partition] = { offset, id, ...(held && { behind: held }) };
    }
    const slot = Math.floor(Date.now() / SLOT_MS) % SLOTS;
    return insertRows(
      'published',
      'log.published',
      { slot: 'integer', topic: 'bigint', txid: 'bigint', position: 'bigint', partitions: 'json' },
      [{ slot, topic: this.#topicNumber, txid, position, partitions }],
      {
        onConflict:
          '(slot) do update set topic = excluded.topic, txid = excluded.txid, position = excluded.position, partitions = excluded.partitions, at = now()',
      },
    );
  }

  /** Throws {@link LogCut} where partitions have lost what was acknowledged, {@link TopicReplacedError} where the topic is another one. Answers those whose leader could not be asked. */
  async verify(): Promise<ReadonlySet<number>> {
    const { lost, unasked } = await this.#compare(this.#marks, PATIENCE_MS);
    if (lost.size === 0) return unasked;
    const from = await this.#lastWhole([...lost]);
    const cuts = [...lost].map((partition) => ({
      partition,
      end: this.#marks.get(partition)!.offset + 1,
      from: from.get(partition)!,
    }));
    // What is published again is noted again.
    for (const { partition } of cuts) this.#marks.delete(partition);
    throw new LogCut(cuts);
  }

  /** What is stored about this topic, oldest first. */
  async #slots(): Promise<Slot[]> {
    const rows = await this.#database.query<{ txid: number; position: number; partitions: Record<string, Mark> }>(
      'select txid, position, partitions from log.published where topic = $1 order by txid, position',
      [this.#topicNumber],
    );
    return rows.map(({ txid, position, partitions: marks }) => ({ position: { txid, position }, marks }));
  }

  /** Up to which position each of these partitions has all that was published: by halving, all of them at once. */
  async #lastWhole(partitions: readonly number[]): Promise<Map<number, LogPosition>> {
    const slots = await this.#slots();
    // The slot at `whole` is known to be whole, or there is none; the one at `broken` is not, or there is none.
    const bounds = new Map(partitions.map((partition) => [partition, { whole: -1, broken: slots.length }]));
    for (;;) {
      const asked = new Map<number, Mark>();
      let isOpen = false;
      for (const [partition, bound] of bounds) {
        if (bound.broken - bound.whole < 2) continue;
        isOpen = true;
        const middle = (bound.whole + bound.broken) >> 1;
        const mark = slots[middle]!.marks[partition];
        if (mark) asked.set(partition, mark);
        // Nothing had been published on it then.
        else bound.whole = middle;
      }
      if (!isOpen) break;
      const { lost, unasked } = await this.#compare(asked, 0);
      if (unasked.size > 0) throw new BrokerError('LEADER_NOT_AVAILABLE', NO_RECORDS);
      for (const partition of asked.keys()) {
        const bound = bounds.get(partition)!;
        const middle = (bound.whole + bound.broken) >> 1;
        if (lost.has(partition)) bound.broken = middle;
        else bound.whole = middle;
      }
    }
    return new Map(
      [...bounds].map(([partition, { whole }]) => {
        const slot = slots[whole];
        return [partition, slot?.marks[partition]?.behind ?? slot?.position ?? LOG_START];
      }),
    );
  }

  /** Which of these partitions do not have the event at its offset, and which could not be asked. */
  async #compare(
    marks: ReadonlyMap<number, Mark>,
    patienceMs: number,
  ): Promise<{ readonly lost: Set<number>; readonly unasked: Set<number> }> {
    const round: Round = { open: new Map(marks), missing: new Set(), lost: new Set(), unasked: new Set() };
    const { open, missing, lost, unasked } = round;
    for (const deadlineMs = performance.now() + patienceMs; ; await sleep(CHECK_EVERY_MS)) {
      const before = open.size;
      await this.#ask(round);
      // What the limits of an answer left out is asked for again; what is missing, until it had the time to appear.
      if (open.size === missing.size && (open.size === 0 || performance.now() >= deadlineMs)) {
        for (const partition of missing) lost.add(partition);
        return { lost, unasked };
      }
      if (open.size === before && performance.now() > deadlineMs + PATIENCE_MS) {
        for (const partition of open.keys()) unasked.add(partition);
        return { lost, unasked };
      }
    }
  }

  /** Asks the leaders once. */
  async #ask(round: Round): Promise<void> {
    const { open, missing, lost, unasked } = round;
    const metadata = await this.#topic.metadata();
    // Of another topic of the same name nothing was ever acknowledged, and nothing is lost.
    if (topicNumber(metadata.id) !== this.#topicNumber) throw new TopicReplacedError(this.#topic.name);
    missing.clear();
    const leave = (partition: number): void => {
      open.delete(partition);
      unasked.add(partition);
    };
    const byLeader = Map.groupBy(open.keys(), (partition) => metadata.leaderOf(partition));
    for (const partition of byLeader.get(undefined) ?? []) leave(partition);
    byLeader.delete(undefined);
    const alone = open.size === 1;
    await Promise.all(
      [...byLeader].map(async ([leader, partitions]) => {
        const asked = partitions.map((number) => ({
          number,
          offset: open.get(number)!.offset,
          epoch: UNKNOWN_EPOCH,
          bytesMax: CHECK_BYTES,
        }));
        const request = { topicId: metadata.id, partitions: asked, waitMs: 0, bytesMax: CHECK_BYTES_MAX };
        let answers: readonly FetchedPartition[];
        try {
          answers = await this.#port.fetch(metadata.broker(leader!), request);
        } catch {
          // Somebody else may lead them by the time that somebody asks again.
          this.#topic.forget();
          return partitions.forEach(leave);
        }
        for (const answer of answers) {
          const { number } = answer;
          const state = await this.#stateOf(answer, open.get(number)!, alone);
          if (state === 'missing') missing.add(number);
          else if (state === 'unasked') leave(number);
          else if (state !== 'unknown') open.delete(number);
          if (state === 'lost') lost.add(number);
        }
      }),
    );
  }

  /** `alone`: no other partition was asked for, so that the answer has room for its batch. */
  async #stateOf(answer: FetchedPartition, { offset, id }: Mark, alone: boolean): Promise<State> {
    const { number, error, end, batches, damage } = answer;
    if (error === 'OFFSET_OUT_OF_RANGE') {
      const bounds = (await this.#topic.boundsOf([number])).get(number);
      if (!bounds) return 'unasked';
      // What retention has deleted was not lost.
      return offset < bounds.start ? 'there' : 'missing';
    }
    if (error !== undefined) {
      this.#topic.forget();
      return error === 'CORRUPT_MESSAGE' ? 'there' : 'unasked';
    }
    const batch = batches.find(({ firstOffset, nextOffset }) => firstOffset <= offset && offset < nextOffset);
    if (batch) {
      const record = batch.records.find((candidate) => candidate.offset === offset);
      const event = record && this.#port.toEvent(record, (json) => json);
      return typeof event === 'object' && event.id === id ? 'there' : 'lost';
    }
    // A damaged batch is something else than a lost one, and its consumers name it.
    if (damage !== undefined) return 'there';
    if (end <= offset) return 'missing';
    // An open transaction of somebody else hides it.
    return alone ? 'there' : 'unknown';
  }
}
