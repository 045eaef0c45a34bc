import { refuse, type Refusal } from '#contracts/errors.ts';
import type { Delivery } from '#platform/log/bus.ts';
import type { UnparkChange } from '#platform/log/parked.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import { Linger } from '#platform/runtime/linger.ts';
import { crowding } from '#platform/runtime/utilization.ts';
import type { CommandRequest, Done } from './batch.ts';

/** What waits for the next batch, and when that batch begins. */

const COMMANDS_PER_BATCH = 256;
const EVENTS_PER_BATCH = 512;
const COMMANDS_WAITING_MAX = 4_000;
const COMMAND_PATIENCE_MS = 10_000;
/**
 * Between two commits there is a pause, so that batches stay batches; from so many items a second on, a longer one. It
 * is as long as waiting for company pays: on a process that has time to spare, none.
 */
const PAUSE_MS = 6;
const BUSY_PER_SECOND = 500;
const BUSY_PAUSE_MS = 15;

/** A command that waits, and whom to answer. */
export interface WaitingCommand<State, Command> extends CommandRequest<Command> {
  readonly deadlineMs: number;
  readonly resolve: (answer: Done<State> | Refusal) => void;
  readonly reject: (error: unknown) => void;
}

/** An operator's decision that waits. */
export interface WaitingUnpark {
  readonly orderId: string;
  readonly change: UnparkChange;
  readonly resolve: (events: number) => void;
  readonly reject: (error: unknown) => void;
}

export interface InboxOptions {
  readonly name: string;
  readonly clock: Clock;
  /** Wait this long for company before events alone begin a batch. */
  readonly lingerMs: number;
  /** Called when a batch is to begin. */
  readonly onDue: () => void;
}

export class Inbox<State, Command> {
  readonly #options: InboxOptions;
  readonly #linger = new Linger(BUSY_PER_SECOND, BUSY_PAUSE_MS);
  #commands: WaitingCommand<State, Command>[] = [];
  #unparks: WaitingUnpark[] = [];
  #idle: (() => void)[] = [];
  #eventsReady = false;
  /** The last delivery was full: more is waiting. */
  #more = false;
  /** The next batch begins no earlier. */
  #nextMs = 0;
  #timer: { readonly immediate?: NodeJS.Immediate; readonly timeout?: NodeJS.Timeout } | undefined;
  #closed = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  get hasCommands(): boolean {
    return this.#commands.length > 0;
  }

  /** Queues a command. Resolves with its answer; a full or closed inbox refuses at once. */
  submit(request: CommandRequest<Command>): Promise<Done<State> | Refusal> {
    if (this.#closed) return Promise.resolve(refuse('UNAVAILABLE', 'The service is stopping.'));
    if (this.#commands.length >= COMMANDS_WAITING_MAX) {
      return Promise.resolve(
        refuse('OVERLOADED', `${this.#commands.length} commands are waiting in ${this.#options.name}.`),
      );
    }
    const deadlineMs = this.#options.clock.nowMs() + COMMAND_PATIENCE_MS;
    return new Promise((resolve, reject) => this.#commands.push({ ...request, deadlineMs, resolve, reject }));
  }

  unpark(orderId: string, change: UnparkChange): Promise<number> {
    return new Promise((resolve, reject) => this.#unparks.push({ orderId, change, resolve, reject }));
  }

  /** Resolves when {@link becameIdle} is called next. */
  idle(): Promise<void> {
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** The subscription may have something. */
  eventsReady(): void {
    this.#eventsReady = true;
  }

  /** Arranges for the next batch to begin when it may, if anything waits for it. */
  schedule(): void {
    if (this.#timer || this.#closed) return;
    const waiting = this.#commands.length + this.#unparks.length + this.#idle.length;
    if (waiting === 0 && !this.#eventsReady) return;
    const lingerMs = this.#commands.length === 0 && !this.#more ? this.#options.lingerMs : 0;
    const delayMs = Math.max(this.#nextMs - performance.now(), lingerMs);
    const begin = (): void => {
      this.#timer = undefined;
      this.#options.onDue();
    };
    // A turn of the event loop lets requests that arrived together be decided together.
    this.#timer = delayMs < 1 ? { immediate: setImmediate(begin) } : { timeout: setTimeout(begin, delayMs) };
  }

  takeUnparks(): WaitingUnpark[] {
    return this.#unparks.splice(0);
  }

  takeCommands(): WaitingCommand<State, Command>[] {
    return this.#commands.splice(0, COMMANDS_PER_BATCH);
  }

  takeEvents(take: (max: number) => Delivery | undefined): Delivery | undefined {
    this.#eventsReady = false;
    const delivery = take(EVENTS_PER_BATCH);
    this.#more = delivery !== undefined && delivery.events.length >= EVENTS_PER_BATCH;
    if (this.#more) this.#eventsReady = true;
    return delivery;
  }

  /** A batch of so many items was handled: the next one begins after a pause. */
  handled(items: number): void {
    const nowMs = performance.now();
    this.#nextMs = nowMs + crowding() * Math.max(PAUSE_MS, this.#linger.after(items, nowMs));
    if (this.#idle.length > 0) this.#eventsReady = true;
  }

  /** Nothing is left that could be done now. */
  becameIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Refuses what waits, and takes nothing more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer?.timeout);
    clearImmediate(this.#timer?.immediate);
    for (const command of this.#commands.splice(0)) command.resolve(refuse('UNAVAILABLE', 'The service is stopping.'));
  }
}

/** Rejects the commands whose patience ended before then (all of them, without a time) and returns the others. */
export function rejectExpired<State, Command>(
  commands: readonly WaitingCommand<State, Command>[],
  error: unknown,
  beforeMs = Number.POSITIVE_INFINITY,
): WaitingCommand<State, Command>[] {
  return commands.filter((command) => {
    if (command.deadlineMs > beforeMs) return true;
    command.reject(error);
    return false;
  });
}
