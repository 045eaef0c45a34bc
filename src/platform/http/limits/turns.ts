import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '#platform/http/problems.ts';
import { onceAnswered } from './answered.ts';

/**
 * One caller at a time has so much: a few reads are answered at once, some more wait for their turn, and what is more is
 * refused with 429. So a thousand reads that one key sends at once delay that key and nobody else. A change waits in a
 * queue of its own further on, and may be held there by `Prefer: wait`, so changes are only counted.
 */

export const READS_AT_ONCE = 8;
export const READS_WAITING_MAX = 256;
const WAIT_MAX_MS = 10_000;
const RETRY_AFTER_S = '1';

interface Caller {
  reads: number;
  changes: number;
  readonly waiting: (() => void)[];
}

export class Turns {
  readonly #callers = new Map<string, Caller>();
  readonly #changesMax: number;

  /** At most `changesMax` changes of one caller are in flight at once. */
  constructor(changesMax: number) {
    this.#changesMax = changesMax;
  }

  /** Requests of all callers that are in flight or wait. */
  get size(): number {
    let size = 0;
    for (const { reads, changes, waiting } of this.#callers.values()) size += reads + changes + waiting.length;
    return size;
  }

  /** Takes a turn until the request is answered; resolves when it has come, at once (undefined) where none is before it. Throws RATE_LIMITED. */
  enter(request: FastifyRequest, reply: FastifyReply, name: string, reading: boolean): undefined | Promise<void> {
    const caller = this.#callers.get(name) ?? { reads: 0, changes: 0, waiting: [] };
    if (!reading) {
      if (caller.changes >= this.#changesMax)
        throw tooMuch(`More than ${this.#changesMax} changes of this caller are in flight.`);
      this.#callers.set(name, caller);
      caller.changes++;
      onceAnswered(request, reply, () => {
        caller.changes--;
        this.#leave(name, caller);
      });
      return undefined;
    }
    if (caller.reads < READS_AT_ONCE) {
      this.#callers.set(name, caller);
      caller.reads++;
      onceAnswered(request, reply, () => this.#done(name, caller));
      return undefined;
    }
    if (caller.waiting.length >= READS_WAITING_MAX)
      throw tooMuch(`${READS_WAITING_MAX} requests of this caller are waiting already.`);
    return this.#wait(request, reply, name, caller);
  }

  #wait(request: FastifyRequest, reply: FastifyReply, name: string, caller: Caller): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      let turn = false;
      const go = (): void => {
        clearTimeout(timer);
        turn = true;
        resolve();
      };
      const giveUp = (): void => {
        clearTimeout(timer);
        const at = caller.waiting.indexOf(go);
        if (at >= 0) caller.waiting.splice(at, 1);
        this.#leave(name, caller);
      };
      const timer = setTimeout(() => {
        giveUp();
        reject(tooMuch('Requests of this caller take too long to be answered one after another.'));
      }, WAIT_MAX_MS);
      caller.waiting.push(go);
      onceAnswered(request, reply, () => (turn ? this.#done(name, caller) : giveUp()));
    });
  }

  /** A read is answered: the next one that waits takes its place. */
  #done(name: string, caller: Caller): void {
    const next = caller.waiting.shift();
    if (next) return next();
    caller.reads--;
    this.#leave(name, caller);
  }

  #leave(name: string, { reads, changes, waiting }: Caller): void {
    if (reads + changes + waiting.length === 0) this.#callers.delete(name);
  }
}

function tooMuch(what: string): Problem {
  return new Problem('RATE_LIMITED', `${what} Send fewer at once.`, { headers: { 'retry-after': RETRY_AFTER_S } });
}
