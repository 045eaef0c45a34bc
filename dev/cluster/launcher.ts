import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pg from 'pg';
import type { Environment } from '#platform/runtime/settings.ts';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { type Redis, startRedis } from '#dev/brokers/redis.ts';
import { SERVICES } from '#system/services.ts';
import { answersReady, Member } from './member.ts';
import { ClusterState, writeJson } from './state.ts';
import { isAlive } from '#platform/database/embedded/process-identity.ts';

/**
 * The production shape on one machine: Kafka, Redis, PostgreSQL with a database per service, and every service in
 * processes of its own. What the environment names is used instead of being started.
 */

export interface ClusterOptions {
  readonly env: Environment;
  /** Everything the cluster keeps: data, logs, secrets. */
  readonly folder: string;
  /** Processes of each service, or of those named. */
  readonly replicas?: number | Readonly<Record<string, number>>;
  /** False: the log in PostgreSQL, and one database for all services. */
  readonly kafka?: boolean;
  readonly apiKey: string;
  /** Of the first gateway; any free one where it is taken. */
  readonly port?: number;
  readonly postgresSettings?: Readonly<Record<string, string>>;
  readonly report?: (line: string) => void;
  /** Folder of the version that the services run at first; this one by default. */
  readonly checkout?: string;
}

export interface Broker {
  readonly name: string;
  /** How programs address it. */
  readonly address: string;
  /** Undefined where it was not started here, or does not run at the moment. */
  readonly pid: number | undefined;
}

const SUPERVISE_MS = 500;
const POSTGRES_TIMEOUT_MS = 60_000;
const POOL_SIZE = '6';
/** Every process has a pool and a few connections beside it. */
const POSTGRES_SETTINGS = { max_connections: '400' };

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #report: (line: string) => void;
  readonly #folder: string;
  readonly #state: ClusterState;
  readonly #members: Member[] = [];
  /** Settings of services that differ from the environment. */
  readonly #overrides = new Map<string, Readonly<Record<string, string>>>();
  #postgres: Member | undefined;
  #postgresUrl = '';
  #kafka: Pick<Kafka, 'brokers' | 'pid' | 'stop'> | undefined;
  #redis: Redis | undefined;
  #supervisor: NodeJS.Timeout | undefined;
  #repairing: Promise<void> | undefined;
  #stopping = false;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.#report = options.report ?? (() => {});
    this.#folder = resolve(options.folder);
    mkdirSync(join(this.#folder, 'logs'), { recursive: true });
    this.#state = new ClusterState(this.#folder);
    // Left behind by a launcher that was killed.
    rmSync(join(this.#folder, 'cluster.json'), { force: true });
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    await Promise.all([this.#startPostgres(), this.#startKafka(), this.#startRedis()]);
    this.#supervisor = setInterval(() => {
      this.#repairing ??= this.#repairBrokers().finally(() => (this.#repairing = undefined));
    }, SUPERVISE_MS);
    const { replicas = 1 } = this.#options;
    for (const { name, replicas: limit } of SERVICES) {
      const count = limit === 'one' ? 1 : typeof replicas === 'number' ? replicas : (replicas[name] ?? 1);
      for (let number = 1; number <= count; number++) this.#members.push(await this.#newMember(name, number));
    }
    await this.#port('sandbox-provider');
    this.#state.save();
    await Promise.all(this.#members.map((member) => member.start(this.#envOf(member))));
    this.#writeMap();
  }

  // What the rest of the world may know ---------------------------------------------------------------------

  get members(): readonly Member[] {
    return this.#members;
  }
  get folder(): string {
    return this.#folder;
  }
  get apiKey(): string {
    return this.#options.apiKey;
  }
  /** Base URLs of the gateways. */
  get urls(): string[] {
    return this.#urlsOf('gateway');
  }
  get providerUrl(): string {
    return `http://127.0.0.1:${this.#state.ports['sandbox-provider']}`;
  }
  get kafkaBrokers(): string | undefined {
    return this.#kafka?.brokers;
  }
  get brokers(): Broker[] {
    const address = this.#postgresAddress();
    const brokers = [
      {
        name: 'postgres',
        address: this.#options.env['DATABASE_URL'] ? 'DATABASE_URL' : (address?.url ?? this.#postgresUrl),
        pid: address?.pid,
      },
    ];
    if (this.#kafka) brokers.push({ name: 'kafka', address: this.#kafka.brokers, pid: this.#kafka.pid });
    if (this.#redis) brokers.push({ name: 'redis', address: this.#redis.url, pid: this.#redis.pid });
    return brokers;
  }

  membersOf(service: string): readonly Member[] {
    return this.#members.filter((member) => member.service === service);
  }

  /** The database of a service. */
  databaseUrl(service: string): string {
    const { env } = this.#options;
    const own = env[`${service.toUpperCase()}_DATABASE_URL`] || env['DATABASE_URL'];
    if (own) return own;
    if (this.#options.kafka === false) return this.#postgresUrl;
    const url = new URL(this.#postgresUrl);
    url.pathname = `/olms_${service}`;
    return url.toString();
  }

  /** Past its pooler, where the environment names one; else empty. */
  #directDatabaseUrl(service: string): string {
    const { env } = this.#options;
    const variable = service.toUpperCase();
    const shared = env[`${variable}_DATABASE_URL`] ? '' : env['DATABASE_DIRECT_URL'];
    return env[`${variable}_DATABASE_DIRECT_URL`] || shared || '';
  }

  // Changes while it runs -----------------------------------------------------------------------------------

  /** One more process of a service; a gateway learns of it with its next start. */
  async addReplica(service: string): Promise<Member> {
    const numbers = this.membersOf(service).map(({ name }) => Number(name.split('-').at(-1)));
    const member = await this.#newMember(service, Math.max(0, ...numbers) + 1);
    this.#members.push(member);
    this.#state.save();
    await member.start(this.#envOf(member));
    this.#writeMap();
    return member;
  }

  /** Stops a process and starts it in its place from another version; the others go on. */
  async replace(member: Member, checkout: string): Promise<void> {
    await member.stop();
    member.runFrom(checkout);
    await member.start(this.#envOf(member));
    this.#writeMap();
  }

  async removeReplica(member: Member): Promise<void> {
    await member.stop();
    this.#members.splice(this.#members.indexOf(member), 1);
    this.#writeMap();
  }

  /** Settings of a service beside those of the environment, from its next start on; an empty text unsets. */
  configure(service: string, settings: Readonly<Record<string, string>>): void {
    this.#overrides.set(service, settings);
  }

  /** Starts all processes of these services again. */
  async restart(services: readonly string[]): Promise<void> {
    const members = this.#members.filter(({ service }) => services.includes(service));
    await Promise.all(members.map((member) => member.stop()));
    await Promise.all(members.map((member) => member.start(this.#envOf(member))));
    this.#writeMap();
  }

  /** Stops everything that was started here: services first, then what they stand on. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#supervisor);
    await this.#repairing;
    await Promise.all(this.#members.map((member) => member.stop()));
    await Promise.all([this.#kafka?.stop(), this.#redis?.stop(), this.#postgres?.stop()]);
    rmSync(join(this.#folder, 'cluster.json'), { force: true });
  }

  // Processes -----------------------------------------------------------------------------------------------

  #port(name: string): Promise<number> {
    return this.#state.portOf(name, name === 'gateway-1' ? (this.#options.port ?? 0) : undefined);
  }

  async #newMember(service: string, number: number): Promise<Member> {
    const { replicas } = SERVICES.find((definition) => definition.name === service)!;
    const name = replicas === 'one' ? service : `${service}-${number}`;
    const url = `http://127.0.0.1:${await this.#port(name)}`;
    const member = new Member({
      name,
      service,
      command: ['src/main.ts', 'start', service],
      env: {},
      url,
      logFile: join(this.#folder, 'logs', `${name}.log`),
      ready: () => answersReady(url),
      report: (line) => {
        this.#report(line);
        this.#writeMap();
      },
    });
    if (this.#options.checkout !== undefined) member.runFrom(this.#options.checkout);
    return member;
  }

  #urlsOf(service: string): string[] {
    return this.membersOf(service).map(({ url }) => url);
  }

  /** Each process knows its own database and no other. */
  #envOf(member: Member): Record<string, string | undefined> {
    const { env, apiKey } = this.#options;
    const { service } = member;
    const all: Record<string, string | undefined> = { ...env };
    for (const { name, paths } of SERVICES) {
      delete all[`${name.toUpperCase()}_DATABASE_URL`];
      delete all[`${name.toUpperCase()}_DATABASE_DIRECT_URL`];
      if (paths) all[`${name.toUpperCase()}_URL`] = this.#urlsOf(name).join(',');
    }
    // What a runner of tests passes to its own processes is not for these.
    delete all['NODE_OPTIONS'];
    return {
      ...all,
      LOG_LEVEL: env['LOG_LEVEL'] || 'info',
      DATABASE_POOL_SIZE: env['DATABASE_POOL_SIZE'] || POOL_SIZE,
      OLMS_ENV: env['OLMS_ENV'] || 'development',
      // Who stops a cluster waits for it.
      HTTP_DRAIN_MS: env['HTTP_DRAIN_MS'] || '0',
      OLMS_DATA: this.#folder,
      OLMS_PUBLIC_URL: env['OLMS_PUBLIC_URL'] || this.urls[0],
      OLMS_INTERNAL_SECRET: env['OLMS_INTERNAL_SECRET'] || this.#state.internalSecret,
      OLMS_BOOTSTRAP_API_KEY: apiKey,
      SANDBOX_WEBHOOK_SECRET: env['SANDBOX_WEBHOOK_SECRET'] || this.#state.webhookSecret,
      SANDBOX_PROVIDER_PORT: String(this.#state.ports['sandbox-provider']),
      SANDBOX_PROVIDER_URL: this.providerUrl,
      SANDBOX_WEBHOOK_URL: `${this.urls[0]}/payments/webhooks/sandbox`,
      KAFKA_BROKERS: this.#kafka?.brokers ?? '',
      REDIS_URL: this.#redis?.url ?? '',
      DATABASE_URL: this.databaseUrl(service),
      DATABASE_DIRECT_URL: this.#directDatabaseUrl(service),
      HOST: '127.0.0.1',
      PORT: new URL(member.url).port,
      ...this.#overrides.get(service),
    };
  }

  // What services stand on ----------------------------------------------------------------------------------

  async #startPostgres(): Promise<void> {
    const { env, postgresSettings } = this.#options;
    const needed = SERVICES.some(({ name }) => !env[`${name.toUpperCase()}_DATABASE_URL`]);
    if (env['DATABASE_URL'] || !needed) return;
    const dataDir = join(this.#folder, 'postgres');
    rmSync(`${dataDir}.json`, { force: true });
    this.#postgres = new Member({
      name: 'postgres',
      service: '',
      command: ['dev/cluster/postgres.ts', dataDir, JSON.stringify({ ...POSTGRES_SETTINGS, ...postgresSettings })],
      env,
      url: '',
      logFile: join(this.#folder, 'logs', 'postgres.log'),
      ready: async () => this.#postgresAddress() !== undefined,
      stopSignal: 'SIGINT',
      report: this.#report,
    });
    await this.#postgres.start();
    this.#postgresUrl = this.#postgresAddress()!.url;
    if (this.#options.kafka === false) return;
    const client = new pg.Client({ connectionString: this.#postgresUrl, connectionTimeoutMillis: POSTGRES_TIMEOUT_MS });
    await client.connect();
    try {
      const { rows } = await client.query<{ datname: string }>('select datname from pg_database');
      const there = new Set(rows.map(({ datname }) => datname));
      for (const { name } of SERVICES)
        if (!there.has(`olms_${name}`)) await client.query(`create database olms_${name}`);
    } finally {
      await client.end();
    }
  }

  /** Where the server of this cluster is; undefined while it does not run. */
  #postgresAddress(): { url: string; pid: number } | undefined {
    try {
      return JSON.parse(readFileSync(join(this.#folder, 'postgres.json'), 'utf8')) as { url: string; pid: number };
    } catch {
      return undefined;
    }
  }

  async #startKafka(): Promise<void> {
    if (this.#options.kafka === false) return;
    const external = this.#options.env['KAFKA_BROKERS'];
    if (external) {
      this.#kafka = { brokers: external, pid: undefined, stop: async () => {} };
      return;
    }
    this.#kafka = await startKafka({
      dir: join(this.#folder, 'kafka'),
      port: await this.#port('kafka'),
      log: this.#report,
    });
  }

  async #startRedis(): Promise<void> {
    const external = this.#options.env['REDIS_URL'];
    if (external) {
      this.#redis = { url: external, pid: undefined, stop: async () => {}, kill: async () => {} };
      return;
    }
    this.#redis = await startRedis({
      dir: join(this.#folder, 'redis'),
      port: await this.#port('redis'),
      log: this.#report,
    });
  }

  /** A broker that ended is started again on its data and its port; PostgreSQL looks after itself. */
  async #repairBrokers(): Promise<void> {
    const dead = (pid: number | undefined): boolean => pid !== undefined && !isAlive(pid);
    try {
      if (dead(this.#kafka?.pid)) {
        this.#report('Kafka ended; starting it again');
        await this.#startKafka();
      }
      if (!this.#stopping && dead(this.#redis?.pid)) {
        this.#report('Redis ended; starting it again');
        await this.#startRedis();
      }
    } catch (error) {
      this.#report(`a broker does not start: ${(error as Error).message}`);
    }
  }

  /** Where everything is, for programs. */
  #writeMap(): void {
    if (this.#stopping) return;
    writeJson(join(this.#folder, 'cluster.json'), {
      launcher: process.pid,
      url: this.urls[0],
      urls: this.urls,
      apiKey: this.#options.apiKey,
      providerUrl: this.providerUrl,
      brokers: this.brokers,
      databases: Object.fromEntries(SERVICES.map(({ name }) => [name, this.databaseUrl(name)])),
      members: this.#members.map(({ name, service, pid, url, logFile }) => ({ name, service, pid, url, logFile })),
    });
  }
}
