import { randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { Cluster } from '#dev/cluster/launcher.ts';
import { SERVICES } from '#system/services.ts';
import { Api } from '#tests/support/api.ts';
import { readiness } from '#tests/support/cluster.ts';
import { FAST_POSTGRES } from '#tests/support/shared-servers.ts';
import { Mailbox } from '#tests/support/mailbox.ts';
import { SandboxBooks } from '#tests/support/provider.ts';
import { seeded } from '#tests/support/seeded.ts';
import { until } from '#tests/support/until.ts';
import { Comparison } from './comparison.ts';
import { initialStock, Load, OUTSIDE, type LoadRate, release, stockUp, TOKENS } from './load.ts';
import { type FaultKind, type FaultName, FAULTS, type Field } from './strikes.ts';
import { compareTopic, type TopicReport } from './topic.ts';

/**
 * The cluster of `npm run cluster` under load, while something breaks all the time. Afterwards everything must end,
 * and everything must agree: `npm run chaos -- --only kafka,pause --minutes 10 --seed 7`.
 */

export interface PhaseOptions {
  /** One after another, on one cluster. */
  readonly kinds: readonly FaultName[];
  readonly seed: number;
  /** Of each kind. */
  readonly seconds: number;
  readonly pauseSeconds: number;
  readonly replicas: number | Readonly<Record<string, number>>;
  /** With all that PostgreSQL does so that a power cut loses nothing. */
  readonly durable: boolean;
  /**
   * The first strike comes at once, and the card that fails now and then is left out, because the pauses between its
   * attempts grow to a minute.
   */
  readonly brief?: boolean;
  readonly rate: LoadRate;
  /** From the last fault to the last order. */
  readonly patienceMs: number;
  readonly log: (line: string) => void;
}

export interface PhaseReport {
  readonly faults: readonly string[];
  readonly figures: Readonly<Record<string, number | string>>;
}

const RELAY = 'relay';
const TOPIC = 'order-events';
const PROGRESS_MS = 15_000;
const SAMPLE_MS = 5_000;
const SAMPLE_TIMEOUT_MS = 3_000;
const READY_TIMEOUT_MS = 120_000;
const QUIET_TIMEOUT_MS = 180_000;
const TOPIC_TIMEOUT_MS = 30_000;
const MAILS_TIMEOUT_MS = 60_000;
const AT_ONCE_MS = [300, 1_500] as const;
const FAULTS_SHOWN_MAX = 50;

/** Starts a cluster, breaks it under load, lets it recover and compares; what does not agree comes back as faults. */
export async function runPhase(options: PhaseOptions): Promise<PhaseReport> {
  const { kinds, seed, log } = options;
  const folder = mkdtempSync(join(tmpdir(), `olms-chaos-${kinds.length === 1 ? kinds[0] : 'all'}-`));
  const mailbox = new CountingMailbox();
  const smtpUrl = await mailbox.listen();
  const { PATH, HOME, JAVA_HOME } = process.env;
  let cluster: Cluster | undefined;
  let sound = false;
  try {
    cluster = await Cluster.start({
      env: { PATH, HOME, JAVA_HOME, LOG_LEVEL: 'warn', SMTP_URL: smtpUrl, ...OUTSIDE },
      folder,
      apiKey: `chaos-${randomBytes(12).toString('hex')}`,
      replicas: options.replicas,
      // A killed server loses nothing that the system's memory still has; what it never wrote, it would.
      ...(!options.durable && { postgresSettings: { ...FAST_POSTGRES, synchronous_commit: 'on' } }),
    });
    const phase = new Phase(cluster, mailbox, options);
    const report = await phase.run();
    sound = report.faults.length === 0;
    return { faults: report.faults, figures: { seed, ...report.figures } };
  } finally {
    await cluster?.stop();
    await mailbox.close();
    if (sound) rmSync(folder, { recursive: true, force: true });
    else log(`data and logs are kept in ${folder}`);
  }
}

class Phase {
  readonly #cluster: Cluster;
  readonly #mailbox: CountingMailbox;
  readonly #options: PhaseOptions;
  readonly #gateways: readonly Api[];
  readonly #provider: SandboxBooks;
  readonly #beganMs = performance.now();
  readonly #faults: string[] = [];
  readonly #figures: Record<string, number | string> = {};
  readonly #lag = { seconds: 0, of: '' };
  #present = '';
  #struck = 0;
  #load!: Load;

  constructor(cluster: Cluster, mailbox: CountingMailbox, options: PhaseOptions) {
    this.#cluster = cluster;
    this.#mailbox = mailbox;
    this.#options = options;
    this.#gateways = cluster.urls.map((url) => new Api(url, cluster.apiKey));
    this.#provider = new SandboxBooks(cluster.providerUrl);
  }

  async run(): Promise<PhaseReport> {
    const timers: NodeJS.Timeout[] = [];
    try {
      await this.#ready();
      const [api] = this.#gateways as [Api];
      const { brief, rate, seed, kinds, patienceMs } = this.#options;
      const assortment = await stockUp(api, brief ? TOKENS.filter((token) => token !== 'tok_flaky') : TOKENS);
      this.#load = new Load(this.#gateways, seeded(seed + 1), assortment, rate);
      this.#report(`${this.#cluster.members.length} processes run`);
      timers.push(
        setInterval(() => void this.#sample(), SAMPLE_MS),
        setInterval(() => this.#progress(), PROGRESS_MS),
      );
      this.#load.start();
      const random = seeded(seed);
      const field: Field = {
        cluster: this.#cluster,
        random,
        pauseMs: this.#options.pauseSeconds * 1000,
        count: (figure, by = 1) => (this.#figures[figure] = Number(this.#figures[figure] ?? 0) + by),
        most: (figure, value) => this.#most(figure, value),
        fault: (what) => this.#faults.push(what),
      };
      for (const name of kinds) await this.#inflict(name, field);

      this.#present = 'recovering';
      const endedMs = performance.now();
      await Promise.all([this.#load.pause(), this.#ready()]);
      this.#figures['all processes ready again after s'] = seconds(endedMs);
      await release(api, this.#load, assortment, patienceMs);
      await this.#quiet();
      this.#figures['everything published and read after s'] = seconds(endedMs);
      const comparison = new Comparison(api, this.#provider, this.#load, initialStock(assortment));
      this.#present = 'comparing';
      this.#faults.push(...(await comparison.faults(patienceMs)));
      const topic = await this.#topic();
      const mails = await this.#mails();
      const faults = [...this.#load.faults, ...this.#faults, ...topic.faults, ...mails.faults];
      return {
        faults,
        figures: {
          ...this.#figures,
          'largest lag': `${this.#lag.seconds.toFixed(1)} s (${this.#lag.of})`,
          ...this.#load.counts,
          ...comparison.figures,
          ...mails.figures,
          ...topic.figures,
        },
      };
    } finally {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(this.#gateways.map((gateway) => gateway.close()));
      await this.#provider.close();
    }
  }

  #most(figure: string, value: number): void {
    this.#figures[figure] = Math.max(Number(this.#figures[figure] ?? 0), Math.round(value * 10) / 10);
  }

  #report(line: string): void {
    const elapsedS = Math.round((performance.now() - this.#beganMs) / 1000);
    const clock = `${Math.floor(elapsedS / 60)}:${String(elapsedS % 60).padStart(2, '0')}`;
    this.#options.log(`${clock.padStart(6)}  ${line}`);
  }

  #progress(): void {
    const { acknowledged, unanswered } = this.#load;
    this.#report(
      `${this.#present}: ${this.#struck} faults, ${acknowledged.size} orders acknowledged, ${unanswered.length} requests unanswered, largest lag ${this.#lag.seconds.toFixed(1)} s`,
    );
  }

  /** One kind of fault for its time. */
  async #inflict(name: FaultName, field: Field): Promise<void> {
    const kind: FaultKind = FAULTS[name];
    this.#present = name;
    this.#report(`${name}: ${kind.meaning}`);
    const endMs = performance.now() + this.#options.seconds * 1000;
    const lastsMs = kind.lastsMs?.(field) ?? 0;
    const strikes = kind.begin(field);
    let struck = 0;
    try {
      for (;;) {
        const pauseMs = struck === 0 && this.#options.brief ? AT_ONCE_MS : kind.everyMs;
        const nextMs = performance.now() + field.random.between(...pauseMs);
        // A kind that has no time for anything would show nothing.
        if (nextMs + lastsMs > endMs && struck > 0) break;
        await sleep(Math.max(0, nextMs - performance.now()));
        this.#report(await strikes.strike());
        struck++;
        this.#struck++;
      }
      await sleep(Math.max(0, endMs - performance.now()));
    } finally {
      await strikes.end?.();
    }
    this.#figures[`faults: ${name}`] = struck;
  }

  /** Resolves when every process is ready and every gateway reaches everything. */
  async #ready(): Promise<void> {
    let seen: unknown;
    const { members } = this.#cluster;
    await Promise.all(
      members.map((member) =>
        until(
          `${member.name} to be ready`,
          async () => {
            const found = await readiness(member.url).catch(() => undefined);
            seen = found;
            return found?.status === 'ok';
          },
          { timeoutMs: READY_TIMEOUT_MS, everyMs: 200, describe: () => JSON.stringify(seen) },
        ),
      ),
    );
  }

  /** Resolves when nothing is left to be published or read. */
  async #quiet(): Promise<void> {
    let seen = '';
    await until(
      'everything to be published and read',
      async () => {
        const samples = (await Promise.all(this.#cluster.members.map((member) => sampleOf(member.url)))).flat();
        seen = samples
          .filter(({ events }) => events > 0)
          .map(({ of, events }) => `${of} ${events}`)
          .join(', ');
        return samples.length > 0 && seen === '';
      },
      { timeoutMs: QUIET_TIMEOUT_MS, everyMs: 250, describe: () => seen },
    ).catch((error: unknown) => this.#faults.push((error as Error).message));
  }

  async #sample(): Promise<void> {
    for (const { name, url } of this.#cluster.members)
      for (const { of, events, seconds } of await sampleOf(url)) {
        if (of === RELAY) this.#most('largest backlog of a relay, events', events);
        if (seconds <= this.#lag.seconds) continue;
        this.#lag.seconds = seconds;
        this.#lag.of = `${of} in ${name}`;
      }
  }

  /** What kcat reads beside the outboxes; what is missing is looked for again for a moment. */
  async #topic(): Promise<TopicReport> {
    const question = {
      brokers: this.#cluster.kafkaBrokers!,
      topic: TOPIC,
      databases: SERVICES.map(({ name }) => this.#cluster.databaseUrl(name)),
      causesMayFollow: this.#options.kinds.some((kind) => (FAULTS[kind] as FaultKind).causesMayFollow),
    };
    let report = await compareTopic(question);
    if (report.faults.length > 0)
      await until('the topic to agree', async () => (report = await compareTopic(question)).faults.length === 0, {
        timeoutMs: TOPIC_TIMEOUT_MS,
        everyMs: 2_000,
      }).catch(() => {});
    return report;
  }

  /** Every mail arrived, and what arrived twice had one Message-ID. */
  async #mails(): Promise<{ faults: string[]; figures: Record<string, number> }> {
    const faults: string[] = [];
    const client = new pg.Client({ connectionString: this.#cluster.databaseUrl('notifications') });
    await client.connect();
    try {
      // A sender that was killed holds its claims for ten minutes; the others finished theirs long ago.
      await client.query("update notifications.notifications set next_attempt_at = now() where status = 'queued'");
      let queued = 0;
      await until(
        'every mail to be sent',
        async () => {
          const { rows } = await client.query<{ count: number }>(
            "select count(*)::int as count from notifications.notifications where status = 'queued'",
          );
          queued = rows[0]!.count;
          return queued === 0;
        },
        { timeoutMs: MAILS_TIMEOUT_MS, everyMs: 250, describe: () => `${queued} queued` },
      ).catch((error: unknown) => faults.push((error as Error).message));
      const { rows } = await client.query<{ id: string; order_id: string; status: string }>(
        "select id, order_id, status from notifications.notifications where channel = 'email' and status <> 'suppressed'",
      );
      const known = new Map(rows.map((row) => [row.id, row]));
      for (const { id, status } of rows) {
        if (status !== 'sent') faults.push(`mail ${id} is ${status}`);
        if (!this.#mailbox.arrived.has(id)) faults.push(`mail ${id} never arrived`);
      }
      let repeated = 0;
      for (const [id, { order, times }] of this.#mailbox.arrived) {
        if (known.get(id)?.order_id !== order) faults.push(`a mail ${id} about ${order} arrived that nobody knows of`);
        if (times > 1) repeated++;
      }
      if (repeated > 0 && !this.#options.kinds.some((kind) => FAULTS[kind].mailsMayRepeat))
        faults.push(`${repeated} mails arrived twice, and no sender was killed`);
      return {
        faults,
        figures: { 'mails arrived': this.#mailbox.arrived.size, 'of these again, under one Message-ID': repeated },
      };
    } finally {
      await client.end();
    }
  }
}

interface Sample {
  readonly of: string;
  readonly events: number;
  readonly seconds: number;
}

/** How far consumers and relay of a process are behind; nothing where it does not answer. */
async function sampleOf(url: string): Promise<Sample[]> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(SAMPLE_TIMEOUT_MS) });
    const text = await response.text();
    const events = gauge(text, 'olms_consumer_lag_events');
    const ages = gauge(text, 'olms_consumer_lag_seconds');
    const samples = [...events].map(([of, count]) => ({ of, events: count, seconds: ages.get(of) ?? 0 }));
    const { relay } = (await readiness(url)).checks;
    const left = Number(/(\d+) events to publish/.exec(relay?.detail ?? '')?.[1] ?? 0);
    return [...samples, { of: RELAY, events: left, seconds: 0 }];
  } catch {
    return [];
  }
}

function gauge(text: string, name: string): Map<string, number> {
  const lines = text.matchAll(new RegExp(`^${name}\\{service="([^"]+)"\\} (\\S+)$`, 'gm'));
  return new Map([...lines].map(([, service, value]) => [service!, Number(value)]));
}

/** Keeps of each mail only how often it arrived. */
class CountingMailbox extends Mailbox {
  /** By the notification's id, which is the Message-ID. */
  readonly arrived = new Map<string, { order: string; times: number }>();

  protected override keep(mail: string): void {
    const id = /^Message-ID: <([^@>]+)@/im.exec(mail)?.[1] ?? '';
    const order = /^X-Order-Id: (\S+)/im.exec(mail)?.[1] ?? '';
    const known = this.arrived.get(id);
    if (known && known.order === order) known.times++;
    else this.arrived.set(known ? `${id} again` : id, { order, times: 1 });
  }
}

function seconds(sinceMs: number): number {
  return Math.round((performance.now() - sinceMs) / 100) / 10;
}

/** About twenty orders a second, and what belongs to them. */
const MODERATE: LoadRate = { workers: 12, thinkMs: [100, 600] };

const USAGE = `npm run chaos -- [--only ${Object.keys(FAULTS).join(',')}] [--minutes 10 | --seconds N] [--pause-seconds 60] [--replicas 2 | orders=3,payments=2] [--seed N]`;

function parseReplicas(text: string): number | Record<string, number> {
  if (/^\d+$/.test(text)) return Number(text);
  return Object.fromEntries(
    text.split(',').map((part) => {
      const [service = '', count = ''] = part.split('=');
      if (!SERVICES.some(({ name }) => name === service) || !/^[1-9]$/.test(count)) throw new Error(USAGE);
      return [service, Number(count)];
    }),
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string', default: '10' },
      seconds: { type: 'string' },
      'pause-seconds': { type: 'string', default: '60' },
      only: { type: 'string' },
      replicas: { type: 'string', default: '2' },
    },
  });
  const kinds = values.only?.split(',') ?? Object.keys(FAULTS);
  const forSeconds = Number(values.seconds ?? Number(values.minutes) * 60);
  const seed = Number(values.seed ?? randomInt(2 ** 31));
  if (kinds.some((kind) => !(kind in FAULTS)) || !(forSeconds > 0) || !Number.isSafeInteger(seed))
    throw new Error(USAGE);
  // It kills what it runs on, so it starts its own.
  for (const variable of ['KAFKA_BROKERS', 'REDIS_URL', 'DATABASE_URL']) delete process.env[variable];
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const verdicts: string[] = [];
  print(`seed ${seed}, ${forSeconds} s each: ${kinds.join(', ')}`);
  for (const kind of kinds as FaultName[]) {
    print(`\n== ${kind} ==`);
    const { faults, figures } = await runPhase({
      kinds: [kind],
      seed,
      seconds: forSeconds,
      pauseSeconds: Number(values['pause-seconds']),
      replicas: parseReplicas(values.replicas),
      durable: true,
      rate: MODERATE,
      patienceMs: 300_000,
      log: print,
    }).catch((error: unknown): PhaseReport => ({ faults: [(error as Error).stack ?? String(error)], figures: {} }));
    print('');
    for (const [name, value] of Object.entries(figures)) print(`  ${name.padEnd(44)} ${value}`);
    for (const fault of faults.slice(0, FAULTS_SHOWN_MAX)) print(`VIOLATION ${fault}`);
    const again = `npm run chaos -- --only ${kind} --seconds ${forSeconds} --seed ${seed}`;
    verdicts.push(
      faults.length === 0
        ? `${kind.padEnd(10)} everything agrees (${figures['orders']} orders)`
        : `${kind.padEnd(10)} ${faults.length} VIOLATIONS; again with: ${again}`,
    );
    if (faults.length > 0) process.exitCode = 1;
    print(`\n${verdicts.at(-1)}`);
  }
  print(`\n${verdicts.join('\n')}`);
}

if (import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  await main();
}
