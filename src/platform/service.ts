import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Peers } from '#contracts/peers.ts';
import type { ServiceAudit } from './audit.ts';
import type { ServiceCheck } from './diagnosis.ts';
import type { Cache } from './cache/cache.ts';
import type { Environment, Settings } from './runtime/settings.ts';
import type { Clock } from './runtime/clock.ts';
import type { Database } from './database/database.ts';
import type { Tag } from './http/description/openapi.ts';
import type { Check } from './http/operations.ts';
import type { ServedPath } from './http/remote/proxy.ts';
import type { Principal } from './http/server.ts';
import type { Bus } from './log/bus.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import type { Replayable } from './processor/preview.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Tracing } from './telemetry/tracing.ts';

/** What a service gets from whoever runs it. */
export interface ServiceDependencies {
  readonly env: Environment;
  readonly database: Database;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Undefined where nothing is traced. */
  readonly tracing?: Tracing | undefined;
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
  /** Base URL of this process; empty until it listens. */
  readonly selfUrl?: () => string;
  /** Base URL of the API as it is reached from outside. */
  readonly publicUrl?: () => string;
  /** A secret that the services of this process share and nobody else knows: made at its start. */
  readonly processSecret?: string;
  /** An admin key for where the settings name none. */
  readonly adminKey?: string;
}

/** A running part of the system: it starts and stops as one thing. */
export interface Service {
  /** HTTP in, commands out. */
  readonly routes?: (app: FastifyInstance) => void;
  /** The calls that its definition offers to other services. */
  readonly peer?: Partial<Peers>;
  /** Of the front door: the caller behind a request, or undefined. Calls `beforeLookup`, which may throw, where it does not know the key. */
  readonly authenticate?: (
    request: { readonly method: string; readonly headers: IncomingHttpHeaders },
    beforeLookup?: () => void,
  ) => Principal | undefined | Promise<Principal | undefined>;
  /** What the readiness of the process says beside its consumers, by name. */
  readonly checks?: () => Readonly<Record<string, Check>> | Promise<Readonly<Record<string, Check>>>;
  readonly consumer?: Consumer;
  /** Further consumers, by name. */
  readonly consumers?: Readonly<Record<string, Consumer>>;
  start(): Promise<void>;
  /** Answers callers that wait for something, and later ones at once: the process is about to stop. */
  answerNow?(): void;
  /** Stop taking work, finish what is in flight, let go of everything. */
  stop(): Promise<void>;
  /** Resolves when nothing this service can do now is left to do; tests wait on it instead of sleeping. */
  settled?(): Promise<void>;
}

/**
 * All that the rest of the system knows of a service. Routing, documentation, metrics, the audit, replays and the
 * deployment are derived from the list of these in src/system/services.ts.
 */
export interface ServiceDefinition {
  /** Of its folder, its consumer, its schema in the database, and its variables `<NAME>_URL` and `<NAME>_DATABASE_URL`. */
  readonly name: string;
  /** What it is for, in a few words. */
  readonly summary: string;
  /** Chapters of the API description that its routes stand under. */
  readonly tags?: readonly Tag[];
  /** What it answers behind the gateway. Without it nobody calls the service by way of the gateway. */
  readonly paths?: readonly ServedPath[];
  /** Without it no order is taken: a gateway is not ready while none of its processes is. */
  readonly vital?: true;
  /** True for the one that knows who may call, and hands on what services in other processes answer. */
  readonly frontDoor?: true;
  /** Source of the events that it writes to the log, such as `/olms/orders`; undefined where it writes none. */
  readonly emits?: string;
  /** The consumers that it reads the log with, under the settings they run with; `olms replay` sets them back. */
  readonly replays?: (env: Environment) => readonly Replayable[];
  /** How many processes may run it at the same time; any number by default. */
  readonly replicas?: 'one';
  /** Calls that other services may make, and those that it makes. */
  readonly offers?: readonly (keyof Peers)[];
  readonly needs?: readonly (keyof Peers)[];
  /** Folder with numbered SQL files; undefined where the service stores nothing. */
  readonly migrations?: string;
  readonly settings: Settings;
  /** What of it is not the real thing under these settings, or does nothing for want of one; said at the start. */
  readonly standIns?: (env: Environment) => readonly string[];
  /** What `olms audit` checks in its tables. */
  readonly audit?: ServiceAudit;
  /** What `olms doctor` looks at. */
  readonly diagnosis?: readonly ServiceCheck[];
  /** Makes it without starting it: no I/O, so that its routes can be described anywhere. */
  create(dependencies: ServiceDependencies): Service;
}
