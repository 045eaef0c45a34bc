import type { Health } from '#platform/runtime/health.ts';

/**
 * What several processes remember together and may forget at any time: answers made before, how often somebody
 * called, the latest events. Nothing in it is the truth about anything. Every operation answers soon whatever becomes
 * of the store behind it, and says so where it could not: no caller waits for a cache, and none fails with it.
 */
export interface Cache {
  /** True where other processes see the same values. */
  readonly shared: boolean;

  /** A remembered value, or the right to remember one. */
  getVersioned(key: string): Promise<Versioned | Missing>;
  /**
   * Remembers a value for `ttlMs`, unless a newer version is there. With a lease, only if nobody called {@link forget}
   * since {@link getVersioned} gave it: what was read before a change cannot be remembered after it. False where it was
   * not remembered.
   */
  putVersioned(key: string, version: number, value: string, ttlMs: number, lease?: string): Promise<boolean>;
  /** Removes values and takes leases back; false where that is not known to have happened. */
  forget(keys: readonly string[]): Promise<boolean>;

  /** Counts one more of at most `limit` in any `windowMs`, unless there were as many; undefined where nobody counts. */
  take(key: string, limit: number, windowMs: number): Promise<Taken | undefined>;

  /** Becomes or stays the one owner of a name for `ttlMs`; undefined where it is not known. */
  hold(key: string, owner: string, ttlMs: number): Promise<boolean | undefined>;
  letGo(key: string, owner: string): Promise<void>;

  /** Adds entries to a stream that keeps about its last `max`, in one step; false where `holder` does not hold its key, or where that is not known. */
  append(stream: string, texts: readonly string[], max: number, holder: Holder): Promise<boolean>;
  /** The position of the last entry; undefined where it is not known. */
  lastPlace(stream: string): Promise<StreamPlace | undefined>;
  /** At most `max` entries after a position, oldest first; undefined where entries after it may be gone, or where that is not known. */
  entriesAfter(stream: string, after: StreamPlace, max: number): Promise<StreamEntry[] | undefined>;
  /** Hands over every entry after a position as it comes, until `onLost`, after which nothing comes, or until stopped. */
  follow(
    stream: string,
    after: StreamPlace,
    onEntries: (entries: readonly StreamEntry[]) => void,
    onLost: () => void,
  ): () => void;

  /** Calls back when the store goes away and when it is back. Returns the way to stop it. */
  onState(listener: (up: boolean) => void): () => void;
  healthy(): Health;
  close(): Promise<void>;
}

export interface Versioned {
  readonly version: number;
  readonly value: string;
}

export interface Missing {
  readonly value?: undefined;
  /** To remember what is read from now on; undefined where another reader is about to, or nothing is remembered. */
  readonly lease: string | undefined;
}

export interface Taken {
  readonly allowed: boolean;
  /** How many more there may be now. */
  readonly remaining: number;
  /** Milliseconds until the next one may come; 0 where it may come now. */
  readonly waitMs: number;
}

export interface Holder {
  readonly key: string;
  readonly owner: string;
}

/** Ordered by `a`, then `b`. */
export interface StreamPlace {
  readonly a: number;
  readonly b: number;
}

export interface StreamEntry extends StreamPlace {
  readonly text: string;
}

export const STREAM_START: StreamPlace = { a: 0, b: 0 };

/** A lease that is not used by then is void: a reader that slept must not remember what it read long ago. */
export const LEASE_MS = 2_000;

/** Counts of the present window and of the one before, and how far the present one is. */
export interface Counts {
  readonly allowed: boolean;
  readonly now: number;
  readonly before: number;
  readonly elapsedMs: number;
}

/**
 * A sliding window, estimated from two fixed ones: of the window before, the part that it would still cover counts. The
 * decision itself is made where the counts are.
 */
export function takenOf({ allowed, now, before, elapsedMs }: Counts, limit: number, windowMs: number): Taken {
  const used = before * (1 - elapsedMs / windowMs) + now;
  const remaining = Math.max(0, Math.floor(limit - used));
  if (remaining > 0) return { allowed, remaining, waitMs: 0 };
  // When enough of the window before has slid out; where the present one is full by itself, enough of that one.
  const room = limit - 1 - now;
  const waitMs =
    room >= 0 && before > 0
      ? windowMs * (1 - room / before) - elapsedMs
      : windowMs - elapsedMs + windowMs * (1 - (limit - 1) / Math.max(1, now));
  return { allowed, remaining, waitMs: Math.max(1, Math.ceil(waitMs)) };
}
