import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { readSettings } from '#platform/runtime/settings.ts';
import { type KafkaConfig, kafkaSettings } from '#platform/kafka/settings.ts';
import { KafkaMembership } from '#platform/kafka/membership.ts';
import { describeTopics, type GroupDescription } from '#platform/kafka/topic.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import type { Cluster } from '#dev/cluster/launcher.ts';
import type { Member } from '#dev/cluster/member.ts';
import { consumersOf, SERVICES } from '#system/services.ts';
import { readiness } from '#tests/support/cluster.ts';
import { childrenOf } from '#tests/support/killable.ts';
import { loseTail } from '#tests/support/power-cut.ts';
import type { Seeded } from '#tests/support/seeded.ts';
import { until } from '#tests/support/until.ts';
import { isAlive } from '#platform/database/embedded/process-identity.ts';

/** What is done to a cluster under load. */

export interface Field {
  readonly cluster: Cluster;
  /** Decides what is struck, and when. */
  readonly random: Seeded;
  /** How long a process is paused: longer than a consumer group waits for a silent member. */
  readonly pauseMs: number;
  /** Adds to a figure of the report. */
  readonly count: (figure: string, by?: number) => void;
  /** Keeps the largest value of a figure. */
  readonly most: (figure: string, value: number) => void;
  /** Something that must not be. */
  readonly fault: (what: string) => void;
}

export interface Strikes {
  /** Does it once; resolves with what was done, when the next may follow. */
  strike(): Promise<string>;
  /** Takes away what would go on. */
  end?(): Promise<void>;
}

export interface FaultKind {
  readonly meaning: string;
  /** Pause between strikes. */
  readonly everyMs: readonly [least: number, most: number];
  /** A sender that dies between sending a mail and noting it sends it again, under the same Message-ID. */
  readonly mailsMayRepeat: boolean;
  /** What was lost is published again, by each service for itself: what two of them said may change places. */
  readonly causesMayFollow?: boolean;
  /** How long one strike takes, where that is known beforehand: none begins that would outlast the phase. */
  readonly lastsMs?: (field: Field) => number;
  readonly begin: (field: Field) => Strikes;
}

const READING = consumersOf(SERVICES, {});
/** Services whose processes share the partitions of a consumer group. */
const CONSUMERS = [...new Set(READING.map(({ service }) => service))];
/** Of these, those that emit events, so that a relay publishes them. */
const EMITTERS = SERVICES.filter(({ name, emits }) => emits !== undefined && CONSUMERS.includes(name)).map(
  ({ name }) => name,
);
const GROUPS = READING.map(({ replayable }) => `olms-${replayable.consumer}`);
/** A broker has 90 s to start and is started again where that was too short. */
const BACK_TIMEOUT_MS = 240_000;
const GUEST = 'olms-chaos-guest';
const REPLICA_EVERY = 5;

export const FAULTS = {
  service: {
    meaning: 'kill -9 of any process of any service',
    everyMs: [2_000, 7_000],
    mailsMayRepeat: true,
    begin: killServices,
  },
  relay: {
    meaning: 'kill -9 of the process that holds the lease of a relay',
    everyMs: [2_000, 6_000],
    mailsMayRepeat: true,
    begin: killRelays,
  },
  kafka: { meaning: 'kill -9 of Kafka', everyMs: [5_000, 20_000], mailsMayRepeat: false, begin: killKafka },
  power: {
    meaning: 'a power cut of Kafka: kill -9, and the end of its log is gone',
    everyMs: [5_000, 20_000],
    mailsMayRepeat: false,
    causesMayFollow: true,
    begin: cutPower,
  },
  redis: { meaning: 'kill -9 of Redis', everyMs: [2_000, 10_000], mailsMayRepeat: false, begin: killRedis },
  postgres: {
    meaning: 'kill -9 of PostgreSQL: of its server alone, of everything, of one of its processes',
    everyMs: [4_000, 15_000],
    mailsMayRepeat: true,
    begin: killPostgres,
  },
  pause: {
    meaning: 'kill -STOP of processes, kill -CONT after their partitions were given away',
    everyMs: [1_000, 4_000],
    mailsMayRepeat: true,
    lastsMs: ({ pauseMs }) => pauseMs,
    begin: pauseProcesses,
  },
  rebalance: {
    meaning: 'a member joins or leaves every consumer group every 3 s',
    everyMs: [3_000, 3_000],
    mailsMayRepeat: false,
    begin: rebalance,
  },
} as const satisfies Readonly<Record<string, FaultKind>>;

export type FaultName = keyof typeof FAULTS;

const isUp = ({ pid }: Member): boolean => pid !== undefined;

// Processes of services ---------------------------------------------------------------------------------------

function killServices({ cluster, random }: Field): Strikes {
  return {
    async strike() {
      const victim = random.pick(cluster.members);
      await until(`${victim.name} to run`, () => isUp(victim), { timeoutMs: BACK_TIMEOUT_MS, everyMs: 50 });
      const { name, pid } = victim;
      victim.kill('SIGKILL');
      return `killed ${name} (${pid})`;
    },
  };
}

async function relayOf(members: readonly Member[]): Promise<Member | undefined> {
  const details = await Promise.all(
    members.map(async (member) => {
      try {
        return isUp(member) && (await readiness(member.url)).checks['relay']?.detail.startsWith('relaying');
      } catch {
        return false;
      }
    }),
  );
  return members.find((_, i) => details[i]);
}

function killRelays({ cluster, random, most }: Field): Strikes {
  return {
    async strike() {
      const service = random.pick(EMITTERS);
      const members = cluster.membersOf(service);
      const relaying = (): Promise<Member | undefined> => relayOf(members);
      const victim = await until(`a relay of ${service}`, relaying, { timeoutMs: BACK_TIMEOUT_MS, everyMs: 50 });
      const { name, pid } = victim;
      victim.kill('SIGKILL');
      const killedMs = performance.now();
      await until(`${name} to be gone`, () => victim.pid !== pid, { everyMs: 5 });
      const next = await until(`another relay of ${service}`, relaying, { timeoutMs: BACK_TIMEOUT_MS, everyMs: 50 });
      const tookS = (performance.now() - killedMs) / 1000;
      most('relay taken over, slowest s', tookS);
      return `killed ${name} (${pid}), the relay of ${service}; ${next.name} (${next.pid}) relays after ${tookS.toFixed(1)} s`;
    },
  };
}

function pauseProcesses(field: Field): Strikes {
  const { cluster, random, pauseMs, count, most, fault } = field;
  const paused = new Set<number>();
  // One that is stopped does not hear that it should end.
  const resume = (): void => {
    for (const pid of paused) signal(pid, 'SIGCONT');
    paused.clear();
  };
  process.once('exit', resume);
  const one = async (service: string): Promise<string> => {
    const victim = random.pick(cluster.membersOf(service));
    await until(`${victim.name} to run`, () => isUp(victim), { timeoutMs: BACK_TIMEOUT_MS, everyMs: 50 });
    const others = cluster.membersOf(service).length - 1;
    const { name, pid } = victim;
    const beganMs = performance.now();
    const elapsedMs = (): number => performance.now() - beganMs;
    paused.add(pid!);
    signal(pid!, 'SIGSTOP');
    try {
      await until(
        `the partitions of ${name} to be given away`,
        async () => {
          const group = await groupOf(cluster, `olms-${service}`);
          return group?.state === 'Stable' && group.members.length === others;
        },
        // A busy machine is late with everything: the pause lasts until that has happened.
        { timeoutMs: pauseMs + BACK_TIMEOUT_MS, everyMs: 500 },
      );
      most('partitions given away after, slowest s', elapsedMs() / 1000);
      count('pauses in which partitions were given away');
    } catch (error) {
      fault(`${name} was paused: ${(error as Error).message}`);
    }
    await sleep(Math.max(0, pauseMs - elapsedMs()));
    signal(pid!, 'SIGCONT');
    paused.delete(pid!);
    return `${name} (${pid}) paused for ${(elapsedMs() / 1000).toFixed(0)} s`;
  };
  return {
    async strike() {
      const first = random.pick(CONSUMERS);
      const second = random.pick(CONSUMERS.filter((service) => service !== first));
      const both = random.chance(0.5) ? [first, second] : [first];
      const withOthers = both.filter((service) => cluster.membersOf(service).length > 1);
      if (withOthers.length === 0) withOthers.push('orders');
      return (await Promise.all(withOthers.map(one))).join(', ');
    },
    async end() {
      resume();
      process.removeListener('exit', resume);
    },
  };
}

// What services stand on --------------------------------------------------------------------------------------

function killKafka(field: Field): Strikes {
  return { strike: () => killBroker(field, 'kafka') };
}

function cutPower(field: Field): Strikes {
  const { cluster, count, random } = field;
  return {
    async strike() {
      const dataDir = join(cluster.folder, 'kafka', 'data');
      const what = await killBroker(field, 'kafka', () => {
        const lost = loseTail(dataDir, 'order-events', random.between(1, 20) / 100);
        count('partitions that lost their end', lost.length);
      });
      return `${what}, without the end of its log`;
    },
  };
}

function killRedis(field: Field): Strikes {
  return { strike: () => killBroker(field, 'redis') };
}

/** Kills it, does something to what it leaves behind, and waits until another process of it answers. */
async function killBroker({ cluster, most }: Field, broker: string, onGone = (): void => {}): Promise<string> {
  const pid = pidOf(cluster, broker)!;
  signal(pid, 'SIGKILL');
  const killedMs = performance.now();
  await until(`${broker} to be gone`, () => !isAlive(pid), { everyMs: 1 });
  onGone();
  await until(`${broker} to answer again`, () => pidOf(cluster, broker) !== pid, {
    timeoutMs: BACK_TIMEOUT_MS,
    everyMs: 20,
  });
  const awayS = (performance.now() - killedMs) / 1000;
  most(`${broker} away, longest s`, awayS);
  return `killed ${broker} (${pid}); it answers again after ${awayS.toFixed(1)} s`;
}

function killPostgres({ cluster, random, most }: Field): Strikes {
  const kill: Readonly<Record<string, (server: number) => void>> = {
    'the server of PostgreSQL': (server) => signal(server, 'SIGKILL'),
    'all processes of PostgreSQL': (server) => {
      for (const pid of [server, ...childrenOf(server)]) signal(pid, 'SIGKILL');
    },
    'one process of PostgreSQL': (server) => signal(random.pick(childrenOf(server)), 'SIGKILL'),
  };
  return {
    async strike() {
      const what = random.pick(Object.keys(kill));
      const server = await until('PostgreSQL to run', () => pidOf(cluster, 'postgres'), { timeoutMs: BACK_TIMEOUT_MS });
      kill[what]!(server);
      const killedMs = performance.now();
      // Its end is noticed a moment later: the first answer may still be the old server's.
      await sleep(200);
      await until('PostgreSQL to answer again', () => answers(cluster.databaseUrl('orders')), {
        timeoutMs: BACK_TIMEOUT_MS,
        everyMs: 50,
      });
      const awayS = (performance.now() - killedMs) / 1000;
      most('postgres away, longest s', awayS);
      return `killed ${what} (${server}); it answers again after ${awayS.toFixed(1)} s`;
    },
  };
}

function pidOf(cluster: Cluster, broker: string): number | undefined {
  return cluster.brokers.find(({ name }) => name === broker)?.pid;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself meanwhile.
  }
}

// Consumer groups ---------------------------------------------------------------------------------------------

function kafkaConfig(cluster: Cluster, clientId?: string): KafkaConfig {
  return readSettings(kafkaSettings, { KAFKA_BROKERS: cluster.kafkaBrokers, KAFKA_CLIENT_ID: clientId });
}

async function groupOf(cluster: Cluster, name: string): Promise<GroupDescription | undefined> {
  const { groups } = await describeTopics(kafkaConfig(cluster)).catch(() => ({ groups: [] }));
  return groups.find(({ group }) => group === name);
}

/**
 * A guest is a real member of a group and nothing else: it takes its share of the partitions and reads none. It
 * joins and leaves within moments, which no process of a service could do every 3 s, and each time all groups give
 * partitions away and take others. Every {@link REPLICA_EVERY} times a whole process of a service comes or goes
 * as well, because handing over between processes that both save is what must not go wrong.
 */
function rebalance({ cluster, random, count, fault }: Field): Strikes {
  const config = kafkaConfig(cluster, GUEST);
  const logger = createLogger('silent');
  const leaving = new Set<Promise<void>>();
  /** Member that a partition of a group was last seen at, and the last of them that was no guest. */
  const owners = new Map<string, string>();
  const workers = new Map<string, string>();
  let guests: KafkaMembership[] = [];
  let replica: Member | undefined;
  let changing: Promise<void> | undefined;
  let strikes = 0;

  const look = async (): Promise<void> => {
    const { groups } = await describeTopics(config).catch(() => ({ groups: [] }));
    for (const { group, members } of groups)
      for (const { id, clientId, partitions } of members)
        for (const partition of partitions) {
          const name = `${group} ${partition}`;
          if (owners.has(name) && owners.get(name) !== id) count('partitions seen moved');
          owners.set(name, id);
          if (clientId === GUEST) continue;
          if (workers.has(name) && workers.get(name) !== id) count('of these from process to process');
          workers.set(name, id);
        }
  };
  const leave = (): void => {
    for (const guest of guests) {
      const left = guest.close().finally(() => leaving.delete(left));
      leaving.add(left);
    }
    guests = [];
  };
  const come = async (service: string): Promise<void> => {
    replica = await cluster.addReplica(service);
    count('processes that joined and left');
  };
  const go = async (member: Member): Promise<void> => {
    replica = undefined;
    await cluster.removeReplica(member);
  };
  /** Begins it and does not wait: the next strike is due in 3 s. */
  const comeOrGo = (): string => {
    if (changing) return '';
    const service = random.pick(CONSUMERS);
    const what = replica ? `${replica.name} goes` : `one more process of ${service} comes`;
    changing = (replica ? go(replica) : come(service))
      .catch((error: unknown) => fault(`${what}: ${(error as Error).message}`))
      .finally(() => (changing = undefined));
    return `, ${what}`;
  };
  return {
    async strike() {
      await look();
      const joining = guests.length === 0;
      if (joining) {
        guests = GROUPS.map(
          (group) =>
            new KafkaMembership({
              config,
              group,
              logger,
              onAssigned: () => {},
              offsets: () => new Map<number, number>(),
            }),
        );
      } else leave();
      const also = strikes++ % REPLICA_EVERY === REPLICA_EVERY - 1 ? comeOrGo() : '';
      return `a member ${joining ? 'joins' : 'leaves'} each of ${GROUPS.length} groups${also}`;
    },
    async end() {
      leave();
      await Promise.all(leaving);
      await changing;
      if (replica) await go(replica);
    },
  };
}
