import type { Envelope } from '#contracts/envelope.ts';
import type { Cause, Row, Rules } from '#platform/processor/aggregate.ts';
import type { RowChange, SharedChange } from '#platform/processor/batch.ts';
import type { SharedKeys } from '#platform/processor/rows.ts';
import type { Faults } from './faults.ts';
import type { Log } from './log.ts';
import type { Ids, Random } from './random.ts';
import type { Replica } from './replica.ts';
import type { Scheduler } from './scheduler.ts';

/**
 * A service in the simulator: its own rules, the database it saves to, and one or two replicas that decide
 * batches of events and commands by the code of src/platform/processor. What the processor asks of SQL is asked here of
 * the maps of a {@link Store}: all or nothing, offsets by compare-and-set, rows by version.
 */

export interface Spec<State, Command, Effect, Value> {
  readonly name: string;
  readonly rules: Rules<State, Command, Effect, Value>;
  readonly sharedKeys?: SharedKeys<State, Command>;
  /** Events that open a row: at first it is taken to be absent without being read. */
  readonly opensWith?: readonly string[];
  /** Writes shared values as the service's SQL does; false where a guard refuses. */
  readonly saveShared?: (stored: Map<string, Value>, changes: readonly SharedChange<Value>[]) => boolean;
  /** Rows have no version and forget what they have seen; only the offset fences them. */
  readonly unversioned?: boolean;
  readonly perform?: (effects: readonly Effect[], replica: Replica<State, Command, Effect, Value>) => void;
  /** When a row is to be looked after, and the command for it. */
  readonly dueAt?: (state: State) => number | undefined;
  readonly dueCommand?: (state: State) => { readonly command: Command; readonly cause?: Cause } | undefined;
  /** How often the service looks for what is due, in virtual milliseconds. */
  readonly lookEveryMs?: number;
  /** Called with every save. */
  readonly onSaved?: (changes: readonly RowChange<State>[], events: readonly Envelope[]) => void;
}

/** What the services of a story share. */
export interface World {
  readonly random: Random;
  readonly ids: Ids;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly faults: Faults;
  readonly batchMax: number;
  /** Keep shared values between batches, as the one process of an embedded system may. */
  readonly soleWriter: boolean;
  /** Each service publishes through a relay of its own, as with Kafka; else saving is publishing. */
  readonly relayed: boolean;
  /** Saves that met another writer. */
  conflicts: number;
  /** True where trouble of this kind strikes now; each story has only so much of it. */
  strikes(trouble: Trouble): boolean;
  /** A short delay, rarely a long one. */
  delay(): number;
  note(text: () => string): void;
  /** A reaction was decided to change nothing. */
  ignored(consumer: string, event: Envelope, because: string): void;
}

export type Trouble =
  | 'crashBeforeCommit'
  | 'crashAfterCommit'
  | 'lostCommitReply'
  | 'slowCommit'
  | 'relayCrash'
  | 'lateDelivery'
  | 'kill'
  | 'network'
  | 'breakerOpen';

export class Store<State, Value> {
  readonly rows = new Map<string, Row<State>>();
  readonly shared = new Map<string, Value>();
  readonly offsets: number[];
  readonly outbox: Envelope[] = [];
  readonly usedKeys = new Set<string>();
  published = 0;

  constructor(partitions: number) {
    this.offsets = Array.from({ length: partitions }, () => 0);
  }
}
