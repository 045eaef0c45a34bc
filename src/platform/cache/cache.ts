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

  /**
   * Takes `cost` (at least 1) out of a bucket, unless there is less in it; undefined where nobody counts. What costs more
   * than the bucket holds is let through when it is full, and leaves it owing.
   */
  take(key: string, bucket: Bucket, cost: number): Promise<Taken | undefined>;

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

/** A token bucket: it is full at first, and a little is added all the time. */
export interface Bucket {
  /** What it holds at most: so much may come at once. */
  readonly size: number;
  /** What is added in a second. */
  readonly perSecond: number;
}

export interface Taken {
  readonly allowed: boolean;
  /** What is in the bucket now, with a fraction; below 0 where it owes. */
  readonly tokens: number;
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

/** Milliseconds until there are so many in a bucket, or as many as it holds; 0 where there are. */
export function msUntil(wanted: number, tokens: number, { size, perSecond }: Bucket): number {
  return Math.max(0, Math.ceil(((Math.min(wanted, size) - tokens) / perSecond) * 1000));
}
