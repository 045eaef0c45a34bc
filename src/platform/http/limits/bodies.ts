import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '#platform/http/problems.ts';
import { onceAnswered } from './answered.ts';

/**
 * Bytes of bodies that are in memory until their requests are answered. They are counted as they arrive: who only says
 * that much will come takes nothing from others.
 */

const MIB = 1024 * 1024;
/** Of all requests of a process. */
export const BODIES_MAX_BYTES = 128 * MIB;
/** Of one API key. */
export const BODIES_PER_KEY_MAX_BYTES = 32 * MIB;
/** Of requests without a key: of all of them, and of one address. Those with a key have the rest for themselves. */
export const OPEN_BODIES_MAX_BYTES = 8 * MIB;
export const OPEN_BODIES_PER_ADDRESS_MAX_BYTES = MIB;

export class Bodies {
  #all = 0;
  #open = 0;
  readonly #byOwner = new Map<string, number>();

  /** Bytes counted now. */
  get bytes(): number {
    return this.#all;
  }

  /**
   * Counts what arrives of a request's body until it is answered. `owner` names who sends it: a key or, where `open`, an
   * address. Beyond a limit the body is let go of and the request refused with OVERLOADED.
   */
  watch(request: FastifyRequest, reply: FastifyReply, owner: string, open: boolean): void {
    const body = request.raw;
    let counted = 0;
    let over = false;
    const ownerMax = open ? OPEN_BODIES_PER_ADDRESS_MAX_BYTES : BODIES_PER_KEY_MAX_BYTES;
    const count = (bytes: number): number => {
      this.#all += bytes;
      if (open) this.#open += bytes;
      const of = (this.#byOwner.get(owner) ?? 0) + bytes;
      if (of > 0) this.#byOwner.set(owner, of);
      else this.#byOwner.delete(owner);
      counted += bytes;
      return of;
    };
    body.on('data', (chunk: Buffer) => {
      if (over) return;
      const of = count(chunk.length);
      over = of > ownerMax || this.#all > BODIES_MAX_BYTES || (open && this.#open > OPEN_BODIES_MAX_BYTES);
      // Whoever reads the body ends with this, and lets go of what it has; the rest is dropped as it comes.
      if (over) body.emit('error', new Problem('OVERLOADED', 'Too many request bodies are on their way at once.'));
    });
    onceAnswered(request, reply, () => count(-counted));
  }
}
