import { errorOf } from './calls.ts';
import type { ChangedOrder } from './subscriptions.ts';
import type { Entry } from '../stream-feeds.ts';
import { type Follower, isAsked, type Listener, mayKnow, type StreamFilter } from '../stream.ts';

/** So many changes may wait for one subscriber; who is slower gets an error, and begins again. */
const WAITING_MAX = 500;

type Change = Omit<ChangedOrder, 'order'>;

/** The changes that one subscription has not sent yet. */
export class ChangeQueue implements Follower, AsyncIterable<Change> {
  readonly listener: Listener;
  readonly #filter: StreamFilter;
  readonly #onBeat: () => void;
  readonly #sinceMs = performance.now();
  #waiting: Change[] = [];
  #wake: () => void = () => {};
  /** Why it ends; undefined while it goes on. */
  #over: { readonly missed?: string } | undefined;

  constructor(listener: Listener, filter: StreamFilter, onBeat: () => void) {
    this.listener = listener;
    this.#filter = filter;
    this.#onBeat = onBeat;
  }

  get ageMs(): number {
    return performance.now() - this.#sinceMs;
  }

  send({ event }: Entry): void {
    if (!event) return this.startOver('Events may be missing here');
    // Whose an order is that is not known yet, shows when it is read.
    if (!isAsked(this.#filter, event) || mayKnow(this.listener, event.orderId) === false) return;
    if (this.#waiting.length >= WAITING_MAX) return this.startOver('Events come faster than they are taken');
    const { id, time } = JSON.parse(event.json()) as { id: string; time: string };
    this.#waiting.push({ id, type: event.type, time, orderId: event.orderId });
    this.#wake();
  }

  startOver(reason: string): void {
    this.#finish({ missed: reason });
  }

  beat(): void {
    this.#onBeat();
  }

  async end(): Promise<void> {
    this.startOver('This stream ends here');
  }

  /** Nobody listens any more. */
  close(): void {
    this.#finish({});
  }

  #finish(over: { readonly missed?: string }): void {
    this.#over ??= over;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Change> {
    for (;;) {
      const change = this.#waiting.shift();
      if (change) yield change;
      else if (this.#over?.missed !== undefined)
        throw errorOf({
          code: 'EVENTS_MISSED',
          detail: `${this.#over.missed}: subscribe again, and read again what you show.`,
        });
      else if (this.#over) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
