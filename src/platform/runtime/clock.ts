import { uuidv7 } from './uuid.ts';

/**
 * What rules may know of the world beyond their arguments: the time, and fresh ids. Rules never read a
 * clock or a random source themselves, so a simulation with a seeded context replays exactly.
 */
export interface Context {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** A fresh UUIDv7. */
  newId(): string;
}

export interface Clock {
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };

/** A context frozen at the clock's present time; one per batch is enough. */
export function contextAt(clock: Clock): Context {
  return { nowMs: clock.nowMs(), newId: uuidv7 };
}
