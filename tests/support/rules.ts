import assert from 'node:assert/strict';
import { Value } from 'typebox/value';
import type { Envelope } from '#contracts/envelope.ts';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import { type EventData, type EventType, ORDER_EVENTS } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import {
  emptyRow,
  type Folded,
  foldCommand,
  foldEvent,
  type Row,
  type Rules,
  type RulesContext,
} from '#platform/processor/aggregate.ts';

/** Given what went before, when an event is read or a command is given, then: what the rules of one service decide. */

export const ORDER = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
export const NOON_MS = Date.parse('2026-11-22T12:00:00.000Z');

/** The n-th id that a story gives out. */
export function idOf(n: number): string {
  return `0192f0c1-0000-7000-8000-1${String(n).padStart(11, '0')}`;
}

export interface StoryOptions<Value> {
  /** The order that steps are about where they name no other. */
  readonly orderId?: string;
  readonly nowMs?: number;
  /** Shared values as they are stored before the first step. */
  readonly shared?: Iterable<readonly [string, Value]>;
  /** False where a test writes shorter ids than the schemas of the emitted events allow. */
  readonly checkEvents?: boolean;
}

/**
 * Steps through the rules of one service, for one order or several. Every step that is not refused is taken; `emits`,
 * `refuses` and `ignores` say what the last one must have led to.
 */
export class RulesStory<State, Command, Effect = never, Value = never> {
  readonly rules: Rules<State, Command, Effect, Value>;
  readonly shared: Map<string, Value>;
  nowMs: number;
  last: Folded<State, Effect, Value> | Refusal | undefined;
  readonly #orderId: string;
  readonly #checkEvents: boolean;
  readonly #rows = new Map<string, Row<State>>();
  readonly #sequences = new Map<string, number>();
  #ids = 0;

  constructor(rules: Rules<State, Command, Effect, Value>, options: StoryOptions<Value> = {}) {
    const { orderId = ORDER, nowMs = NOON_MS, shared = [], checkEvents = true } = options;
    this.rules = rules;
    this.nowMs = nowMs;
    this.shared = new Map(shared);
    this.#orderId = orderId;
    this.#checkEvents = checkEvents;
  }

  // Given and when ---------------------------------------------------------------------------------------------

  /** The next event of its source about an order: the example of the catalog with some data changed. */
  event<T extends EventType>(type: T, changes: Partial<EventData<T>> = {}, orderId = this.#orderId): Envelope {
    const { source, example } = ORDER_EVENTS[type];
    const key = `${orderId} ${source}`;
    const sequence = (this.#sequences.get(key) ?? 0) + 1;
    this.#sequences.set(key, sequence);
    return {
      id: `${source}-${sequence}`,
      source,
      type,
      subject: orderId,
      sequence,
      time: isoTime(this.nowMs),
      correlationid: 'c',
      causationid: 'k',
      data: { ...example, ...changes },
    };
  }

  reads<T extends EventType>(type: T, changes?: Partial<EventData<T>>, orderId?: string): this {
    return this.readsEvent(this.event(type, changes, orderId));
  }

  /** Reads an event, which may have been read before. */
  readsEvent(event: Envelope): this {
    return this.#take(foldEvent(this.rules, this.rowOf(event.subject), event, this.context()));
  }

  when(command: Command, orderId = this.#orderId): this {
    const cause = { causationid: 'command', correlationid: 'request' };
    return this.#take(foldCommand(this.rules, this.rowOf(orderId), command, cause, this.context()));
  }

  later(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  /** Puts a row in the place of the one that the steps led to. */
  store(row: Row<State>): this {
    this.#rows.set(row.id, row);
    return this;
  }

  protected context(): RulesContext<Value> {
    return { nowMs: this.nowMs, newId: () => idOf(++this.#ids), shared: this.shared };
  }

  #take(folded: Folded<State, Effect, Value> | Refusal): this {
    this.last = folded;
    if (isRefusal(folded)) return this;
    this.#rows.set(folded.row.id, folded.row);
    for (const [key, value] of folded.shared ?? []) this.shared.set(key, value);
    if (this.#checkEvents)
      for (const { type, data } of folded.events)
        assert.ok(Value.Check(ORDER_EVENTS[type as EventType].data, data), `${type}: ${JSON.stringify(data)}`);
    this.taken(folded);
    return this;
  }

  /** What must hold after every step of a service. */
  protected taken(_folded: Folded<State, Effect, Value>): void {}

  // Then -------------------------------------------------------------------------------------------------------

  emits(...types: EventType[]): this {
    assert.deepStrictEqual(
      this.events.map(({ type }) => type),
      types,
    );
    return this;
  }

  refuses(code: string): this {
    assert.deepStrictEqual(this.refused, code);
    return this;
  }

  ignores(because: string | RegExp): this {
    if (typeof because === 'string') assert.deepStrictEqual(this.ignored, because);
    else assert.match(this.ignored ?? '', because);
    return this;
  }

  rowOf(orderId: string): Row<State> {
    return this.#rows.get(orderId) ?? emptyRow(orderId);
  }

  get row(): Row<State> {
    return this.rowOf(this.#orderId);
  }

  get state(): State {
    return this.row.state!;
  }

  /** Events of the last step; throws where it was refused. */
  get events(): readonly { readonly type: string; readonly data: unknown }[] {
    return this.#folded.events.map(({ type, data }) => ({ type, data }));
  }

  /** The data of the events of the last step. */
  get data(): readonly unknown[] {
    return this.#folded.events.map((event) => event.data);
  }

  /** The data of the first event of a type in the last step. */
  dataOf<T extends EventType>(type: T): EventData<T> {
    return this.events.find((event) => event.type === type)!.data as EventData<T>;
  }

  get effects(): readonly Effect[] {
    return this.#folded.effects;
  }

  get refused(): string | undefined {
    return this.last && isRefusal(this.last) ? this.last.refused : undefined;
  }

  get ignored(): string | undefined {
    return this.#folded.ignored;
  }

  get #folded(): Folded<State, Effect, Value> {
    assert.ok(this.last, 'nothing was read and no command given');
    if (isRefusal(this.last)) throw new Error(`${this.last.refused}: ${this.last.detail}`);
    return this.last;
  }
}
