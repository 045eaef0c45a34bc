import type { FastifyInstance } from 'fastify';
import type { Peers } from '#contracts/peers.ts';
import type { ServiceAudit } from './audit.ts';
import type { Cache } from './cache/cache.ts';
import type { Environment, Settings } from './runtime/settings.ts';
import type { Clock } from './runtime/clock.ts';
import type { Database } from './database/database.ts';
import type { Bus } from './log/bus.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import type { Replayable } from './processor/preview.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** What a service gets from whoever runs it. */
export interface ServiceDependencies {
  readonly env: Environment;
  readonly database: Database;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What processes remember together; by default each for itself. */
  readonly cache?: Cache;
  /** True where no other process writes to this database: values read once may then be kept. */
  readonly soleWriter: boolean;
  /** True where other services write their events to logs of their own, and this database's log has ours alone. */
  readonly separateLogs?: boolean;
  /** Age of the oldest event that some consumer of this process has not read yet, in milliseconds. */
  readonly backlogMs?: () => number;
  /** Calls to other services, in process or over HTTP. */
  readonly peers: Peers;
}

/** A running part of the system: it starts and stops as one thing. */
export interface Service {
  /** HTTP in, commands out. */
  readonly routes?: (app: FastifyInstance) => void;
  /** Calls other services may make, registered under the service's name. */
  readonly peer?: Partial<Peers>;
  readonly consumer?: Consumer;
  /** Further consumers, by name. */
  readonly consumers?: Readonly<Record<string, Consumer>>;
  start(): Promise<void>;
  /** Stop taking work, finish what is in flight, let go of everything. */
  stop(): Promise<void>;
  /** Resolves when nothing this service can do now is left to do; tests wait on it instead of sleeping. */
  settled?(): Promise<void>;
}

/** What the list in src/system/services.ts holds: the map of the system. */
export interface ServiceDefinition {
  readonly name: string;
  /** Folder with numbered SQL files; undefined where the service stores nothing. */
  readonly migrations?: string;
  readonly settings: Settings;
  /** What `olms replay` must know of its consumers, under the settings they run with. */
  readonly replays?: (env: Environment) => readonly Replayable[];
  /** What `olms audit` checks in its tables. */
  readonly audit?: ServiceAudit;
  create(dependencies: ServiceDependencies): Service;
}
