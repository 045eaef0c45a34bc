import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#contracts/error-text.ts';
import type { Envelope } from '#contracts/envelope.ts';
import type { OrderEvent } from '#contracts/order-events.ts';
import type { Refusal } from '#contracts/errors.ts';
import { ConflictError } from '#platform/database/database.ts';
import { failureKind, isUniqueViolation, misfitReason } from '#platform/database/failures.ts';
import type { Lag, OffsetMove } from '#platform/log/bus.ts';
import { DATABASE_RETRY, Follower, UPKEEP_EVERY_MS } from '#platform/log/follower.ts';
import type { UnparkChange } from '#platform/log/parked.ts';
import { backoffMs } from '#platform/runtime/backoff.ts';
import type { Health } from '#platform/runtime/health.ts';
import { emptyRow, type Row } from './aggregate.ts';
import type { Batch, CommandRequest, Done, ParkedEvent } from './batch.ts';
import { Committer, type Doubt, type ProcessorOptions } from './commit.ts';
import { Inbox, rejectExpired, type WaitingCommand } from './inbox.ts';
import { Remembered } from './rows.ts';

/**
 * A processor is how a service saves. It takes the events its consumer has read and the commands that arrived
 * meanwhile, decides them all in memory, and commits the whole batch as one SQL statement: rows, events,
 * offsets, idempotency keys. One batch is in flight at a time, so within a process nothing conflicts; another
 * process is met by version checks, and then only the batch's own rows are read and decided once more.
 */

const CONFLICT_ATTEMPTS_MAX = 30;
/** With each attempt, two processes that conflict wait up to this much longer, each for itself. */
const CONFLICT_WAIT_MS = 5;

/** A single event whose statement takes too long so often is at fault. */
const LATE_ATTEMPTS_MAX = 3;

const NOTHING = { events: [], commands: [] };

export class Processor<State, Command, Effect = never, Value = never> {
  readonly #options: ProcessorOptions<State, Command, Effect, Value>;
  readonly #remembered: Remembered<State, Value>;
  readonly #follower: Follower;
  readonly #committer: Committer<State, Command, Effect, Value>;
  readonly #inbox: Inbox<State, Command>;
  readonly #inFlight = new Set<Promise<unknown>>();
  #running = false;
  #upkeep: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(given: ProcessorOptions<State, Command, Effect, Value>) {
    // What happens to orders goes on however much is read about them.
    const options = { ...given, database: given.database.reserved };
    this.#options = options;
    const { name, rules, database, bus, clock, logger, keepShared = false, opensWith, lingerMs = 0 } = options;
    this.#remembered = new Remembered({ soleWriter: database.soleWriter, keepShared, opensWith });
    this.#follower = new Follower({
      consumer: name,
      types: rules.consumes,
      database,
      bus,
      logger,
      onReady: () => {
        this.#inbox.eventsReady();
        this.#schedule();
      },
      onReset: () => this.#remembered.clear(),
    });
    this.#committer = new Committer(options, this.#remembered, this.#follower);
    const onDue = (): void => {
      if (!this.#running) this.#track(this.#serialized(() => this.#takeBatch()));
    };
    this.#inbox = new Inbox({ name, clock, lingerMs, onDue });
  }

  /** Begins consuming events of these types, by default all that the rules take; before that, only commands are taken. */
  async start(types: readonly OrderEvent['type'][] = this.#options.rules.consumes): Promise<void> {
    await this.#follower.start(types);
    this.#upkeep = setInterval(() => this.#onTick(), UPKEEP_EVERY_MS);
  }

  /** Stops taking work and waits for the batch in flight. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#follower.stop();
    clearInterval(this.#upkeep);
    this.#inbox.close();
    await Promise.allSettled(this.#inFlight);
    await this.#follower.close();
  }

  /** Decides a command and saves it with everything else that waits. A full queue refuses at once. */
  submit(request: CommandRequest<Command>): Promise<Done<State> | Refusal> {
    const answer = this.#inbox.submit(request);
    this.#schedule();
    return answer;
  }

  /** Applies an operator's decision to a parked order. Resolves with the number of events that left the park. */
  unpark(orderId: string, change: UnparkChange): Promise<number> {
    const released = this.#inbox.unpark(orderId, change);
    this.#schedule();
    return released;
  }

  /** The row of an order as this process knows it or reads it. */
  async read(orderId: string): Promise<Row<State>> {
    const cached = this.#options.database.soleWriter ? this.#remembered.row(orderId) : undefined;
    if (cached) return cached;
    return (await this.#options.store.load(this.#options.database, [orderId])).get(orderId) ?? emptyRow(orderId);
  }

  /** Makes rows known that were saved outside the processor (new orders come through the intake). */
  remember(rows: readonly Row<State>[]): void {
    this.#remembered.addRows(rows);
  }

  /** Another process moved these orders on: what is remembered of them is old. */
  forget(orderIds: readonly string[]): void {
    this.#remembered.forgetRows(orderIds);
  }

  /** Shared values were changed outside the processor. */
  forgetShared(keys: readonly string[]): void {
    this.#remembered.forgetShared(keys);
  }

  onChange(listener: (row: Row<State>, events: readonly Envelope[]) => void): () => void {
    return this.#committer.onChange(listener);
  }

  lag(): Lag {
    return this.#follower.lag();
  }

  lagByPartition(): ReadonlyMap<number, number> {
    return this.#follower.lagByPartition();
  }

  get parkedCount(): number {
    return this.#follower.parking.parked.size;
  }

  healthy(): Health {
    return this.#follower.healthy();
  }

  /** Resolves when no command and no readable event is waiting. */
  async settled(): Promise<void> {
    if (!this.#running && !this.#inbox.hasCommands && this.lag().events === 0) return;
    const idle = this.#inbox.idle();
    this.#schedule();
    await idle;
  }

  #onTick(): void {
    this.#inbox.eventsReady();
    this.#schedule();
    if (this.#follower.needsUpkeep) this.#track(this.#serialized(() => this.#follower.upkeep()));
    const lag = this.lag();
    this.#options.metrics.lag(lag.events, lag.ageMs, this.parkedCount);
  }

  #track(work: Promise<unknown>): void {
    this.#inFlight.add(work);
    void work.finally(() => this.#inFlight.delete(work)).catch(() => {});
  }

  async #serialized(work: () => Promise<void>): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await work();
    } finally {
      this.#running = false;
      this.#schedule();
    }
  }

  #schedule(): void {
    if (!this.#running) this.#inbox.schedule();
  }

  async #takeBatch(): Promise<void> {
    for (const unpark of this.#inbox.takeUnparks()) await this.#committer.unpark(unpark);
    const commands = this.#inbox.takeCommands();
    const delivery = this.#inbox.takeEvents((max) => this.#follower.take(max));
    if (commands.length === 0 && !delivery) {
      if (this.lag().events === 0) this.#inbox.becameIdle();
      return;
    }
    const { events, moves } = delivery ?? { events: [], moves: [] };
    await this.#process({ events, commands }, moves);
    this.#inbox.handled(events.length + commands.length);
  }

  /** Commits a batch, splitting it where one of its items is the cause of a failure. */
  async #process(batch: Batch<WaitingCommand<State, Command>>, moves: readonly OffsetMove[]): Promise<void> {
    let { events, commands } = batch;
    let late = 0;
    const doubts: Doubt<State, Command, Effect, Value>[] = [];
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#committer.commit({ events, commands }, moves, [], attempt === 0, doubts);
        this.#follower.failure = undefined;
        return;
      } catch (error) {
        this.#remembered.forgetBatch({ events, commands });
        const kind = failureKind(error);
        const size = events.length + commands.length;
        if (error instanceof ConflictError) {
          this.#options.metrics.conflict();
          if (error.write === 'offsets') {
            // Another process consumes now; its offsets are the truth. Commands are still ours to decide.
            await this.#follower.reset();
            events = [];
            moves = [];
            if (commands.length === 0) return;
          } else if (attempt >= CONFLICT_ATTEMPTS_MAX) {
            commands = rejectExpired(commands, error);
            attempt = 0;
          }
          if (attempt > 2) await sleep(Math.random() * CONFLICT_WAIT_MS * attempt);
        } else if (kind === 'late' && (size > 1 || ++late >= LATE_ATTEMPTS_MAX) && size > 0) {
          await this.#isolate({ events, commands }, moves, error);
          return;
        } else if (kind !== 'data') {
          this.#waitsFor(error, kind);
          // What no attempt cures before somebody mends the database keeps no caller waiting.
          if (kind === 'misfit') commands = rejectExpired(commands, error);
          commands = rejectExpired(commands, error, this.#options.clock.nowMs());
          if (commands.length === 0 && events.length === 0 && moves.length === 0) return;
          if (this.#stopping) {
            rejectExpired(commands, error);
            return;
          }
          await sleep(backoffMs(attempt, DATABASE_RETRY));
        } else if (isUniqueViolation(error) && attempt === 0) {
          // A row taken to be absent was there: decide once more, with what is stored.
        } else {
          await this.#isolate({ events, commands }, moves, error);
          return;
        }
      }
    }
  }

  /** Says once why the database is waited for. */
  #waitsFor(error: unknown, kind: 'away' | 'late' | 'misfit'): void {
    const { logger } = this.#options;
    const failure = kind === 'misfit' ? misfitReason(error) : messageOf(error);
    if (this.#follower.failure === failure) return;
    this.#follower.failure = failure;
    if (kind === 'misfit') logger.error({ err: error }, 'the database does not fit this version; waiting');
    else if (kind === 'late') logger.warn({ err: error }, 'the database takes too long');
    else logger.warn({ err: error }, 'the database is away or takes no writes; waiting');
  }

  /** A batch the database refuses for its data, or takes too long for: halve it until the item at fault stands alone. */
  async #isolate(
    { events, commands }: Batch<WaitingCommand<State, Command>>,
    moves: readonly OffsetMove[],
    error: unknown,
  ): Promise<void> {
    // A move from an offset to itself changes nothing but still fences: parts must not outlive a lost partition.
    const fence = moves.map((move) => ({ ...move, to: move.from }));
    const size = events.length + commands.length;
    if (size > 1) {
      const half = size >>> 1;
      const commandsBefore = Math.max(0, half - events.length);
      await this.#process({ events: events.slice(0, half), commands: commands.slice(0, commandsBefore) }, fence);
      await this.#process({ events: events.slice(half), commands: commands.slice(commandsBefore) }, fence);
    } else {
      commands[0]?.reject(error);
      const [event] = events;
      if (event) {
        this.#options.logger.error({ err: error, orderId: event.subject, eventType: event.type }, 'event parked');
        await this.#processParking([{ event, reason: messageOf(error) }], fence);
      }
    }
    if (moves.some((move, index) => move.to !== fence[index]!.from)) await this.#process(NOTHING, moves);
  }

  async #processParking(parked: readonly ParkedEvent[], fence: readonly OffsetMove[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#committer.commit(NOTHING, fence, parked, false);
        return;
      } catch (error) {
        if (error instanceof ConflictError) return await this.#follower.reset();
        if (this.#stopping) return;
        await sleep(backoffMs(attempt, DATABASE_RETRY));
      }
    }
  }
}
