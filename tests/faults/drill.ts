import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type AuditReport, runAudit } from '#cli/operate/audit.ts';
import type { Cluster } from '#dev/cluster/launcher.ts';
import { SERVICES } from '#system/services.ts';
import { Api } from '#tests/support/api.ts';
import { ArchivedPostgres } from '#tests/support/archived-postgres.ts';
import { startCluster } from '#tests/support/cluster.ts';
import { KillableSystem } from '#tests/support/killable.ts';
import { freePort } from '#tests/support/ports.ts';
import { SandboxBooks } from '#tests/support/provider.ts';
import { seeded } from '#tests/support/seeded.ts';
import { until } from '#tests/support/until.ts';
import { inParallel, Load, OUTSIDE, stockUp, TOKENS } from './load.ts';

/**
 * The drill that a backup is good for: `npm run drill`. Backed up under load, destroyed, restored, read on: the audit
 * has to give the digests of orders, stock and money that it gave before, every order acknowledged up to the point of the
 * backup has to be there, and nobody may have been charged twice.
 *
 * By default everything is in one process on one database, and what was acknowledged after the point is lost with it. It
 * is restored once more, to a point under load: charges that were asked for since are asked for again, under their keys.
 * With `--cluster` every service has processes and a database of its own on Kafka, and the databases of inventory and
 * notifications are restored to an earlier point than the others: what they did since, they do again by the log.
 */

export interface DrillOptions {
  readonly cluster: boolean;
  readonly seed: number;
  /** How long callers are at it in each of the phases. */
  readonly phaseMs: number;
  readonly log?: (line: string) => void;
}

export interface DrillReport {
  readonly faults: readonly string[];
  readonly figures: Readonly<Record<string, number | string>>;
}

const KEY = 'drill-key-of-an-admin';
const EARLY = 'early';
const LATE = 'late';
/** In the middle of everything. */
const BUSY = 'busy';
/** Restored to the earlier point in a cluster: those whose decisions follow from the log alone, while goods are plenty. */
const BEHIND = ['inventory', 'notifications'];
const PATIENCE_MS = 240_000;
const RESTORED_MS = 90_000;

/** What is backed up, and what runs on it. */
interface Deployment {
  readonly api: Api;
  /** For the audit. */
  readonly env: Readonly<Record<string, string>>;
  readonly providerUrl: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function runDrill({ cluster, seed, phaseMs, log = () => {} }: DrillOptions): Promise<DrillReport> {
  const folder = mkdtempSync(join(tmpdir(), 'olms-drill-'));
  const main = await ArchivedPostgres.start(join(folder, 'main'));
  const behind = cluster ? await ArchivedPostgres.start(join(folder, 'behind')) : undefined;
  /** What the provider knows is elsewhere, and not restored with us. */
  const outside = await ArchivedPostgres.start(join(folder, 'outside'));
  const servers = [main, ...(behind ? [behind] : [])];
  const deployment = await (behind ? startApart(main, behind, outside) : startTogether(folder, main, outside));
  const faults: string[] = [];
  const figures: Record<string, number | string> = {};
  try {
    const { api } = deployment;
    const goods = await stockUp(
      api,
      // A card that fails now and then is asked again after up to a minute.
      TOKENS.filter((token) => token !== 'tok_flaky'),
    );
    // What is scarce goes to whoever comes first, and may go to another when it is decided again.
    const assortment = { ...goods, scarce: goods.plenty[0]! };
    const load = new Load([api], seeded(seed), assortment, { workers: 8, thinkMs: [5, 40] });
    load.start();
    await sleep(phaseMs);
    const beganMs = performance.now();
    await Promise.all(servers.map((server) => server.backUp()));
    figures['base backup under load, s'] = seconds(beganMs);
    await sleep(phaseMs);
    await behind?.markPoint(EARLY);
    if (behind) figures['orders acknowledged at the earlier point'] = load.acknowledged.size;
    const promisedBusy = [...load.acknowledged.keys()];
    if (!behind) await main.markPoint(BUSY);
    await sleep(phaseMs);
    await load.pause();
    const before = await atRest(deployment);
    await main.markPoint(LATE);
    const promised = [...load.acknowledged.keys()];
    figures['orders acknowledged at the point'] = promised.length;
    log(`${promised.length} orders; ${textOf(before.digests)}`);

    const tooLate = new Load([api], seeded(seed + 1), assortment, { workers: 8, thinkMs: [5, 40] }, 'late-');
    if (!cluster) {
      tooLate.start();
      await sleep(phaseMs);
      await tooLate.pause();
    }
    figures['acknowledged after it, and lost with the server'] = tooLate.acknowledged.size;
    await deployment.kill();
    await Promise.all(servers.map((server) => server.destroy()));
    log('destroyed');
    const restoredMs = performance.now();
    await Promise.all([main.restore(LATE), behind?.restore(EARLY)]);
    figures['restore, s'] = seconds(restoredMs);
    await deployment.start();
    const after = await atRest(deployment, cluster ? before.digests : undefined);
    figures['restored, started and at rest after, s'] = seconds(restoredMs);
    log(`restored; ${textOf(after.digests)}`);

    for (const [of, digest] of Object.entries(before.digests))
      if (after.digests[of] !== digest)
        faults.push(`${of} are not what they were: ${digest}, now ${after.digests[of]}`);
    faults.push(...(await missing(api, promised)), ...(await chargedTwice(deployment)));
    faults.push(...load.faults, ...differences(after, tooLate.acknowledged, figures));
    if (!behind) {
      await deployment.kill();
      await main.destroy();
      await main.restore(BUSY);
      await deployment.start();
      // What callers did since is known to the provider alone, so not everything has to come to rest.
      await atRest(deployment, {});
      figures['orders acknowledged at the point under load'] = promisedBusy.length;
      faults.push(...(await missing(api, promisedBusy)), ...(await chargedTwice(deployment)));
    }
  } finally {
    await deployment.stop();
    for (const server of [...servers, outside]) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return { faults, figures };
}

async function missing(api: Api, promised: readonly string[]): Promise<string[]> {
  const found = await inParallel(promised, async (id) => ({
    id,
    status: (await api.call('GET', `/orders/${id}`)).status,
  }));
  const gone = found.filter(({ status }) => status !== 200);
  return gone.map(({ id }) => `order ${id} was acknowledged before the point and is gone`);
}

/** Orders for which the provider took money twice, which it never forgets. */
async function chargedTwice({ providerUrl }: Deployment): Promise<string[]> {
  const provider = new SandboxBooks(providerUrl);
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { reference, status } of await provider.all()) {
    if (status !== 'approved') continue;
    if (seen.has(reference)) twice.add(reference);
    seen.add(reference);
  }
  await provider.close();
  return [...twice].map((reference) => `order ${reference} was charged twice`);
}

/** What the audit holds against the restored system. What the provider did for orders that are lost is the alarm, and no fault. */
function differences(
  { checks }: AuditReport,
  lost: ReadonlyMap<string, unknown>,
  figures: Record<string, number | string>,
): string[] {
  const faults: string[] = [];
  for (const { check, violations, examples, skipped } of checks) {
    if (skipped !== undefined) faults.push(`${check} was not checked: ${skipped}`);
    if (violations === 0) continue;
    const named = examples.filter(({ subject }) => check === 'provider' && lost.has(subject));
    if (named.length < examples.length || lost.size === 0)
      faults.push(`the audit says ${check}: ${JSON.stringify(examples)}`);
    else figures['charges that the audit names, of orders lost'] = violations;
  }
  return faults;
}

const seconds = (sinceMs: number): number => Math.round((performance.now() - sinceMs) / 100) / 10;

function textOf(digests: AuditReport['digests']): string {
  return Object.entries(digests)
    .map(([of, digest]) => `${of} ${digest.slice(0, 12)}`)
    .join(' · ');
}

/** The audit once nothing moves any more; where they are given, once it has these digests too, or the time is over. */
async function atRest({ env, providerUrl }: Deployment, digests?: AuditReport['digests']): Promise<AuditReport> {
  let last: AuditReport | undefined;
  const same = (report: AuditReport): boolean =>
    digests === undefined || Object.entries(digests).every(([of, digest]) => report.digests[of] === digest);
  const rests = async (): Promise<boolean> => {
    const report = await runAudit({ patience: 2, providerUrl }, env);
    const still =
      report.checks.every(({ moving }) => moving === 0) &&
      last !== undefined &&
      textOf(last.digests) === textOf(report.digests);
    last = report;
    return still && same(report);
  };
  await until('the system to be at rest', rests, {
    timeoutMs: digests === undefined ? PATIENCE_MS : RESTORED_MS,
    everyMs: 500,
  }).catch((error: unknown) => {
    if (digests === undefined || last === undefined) throw error;
  });
  return last!;
}

async function startTogether(folder: string, main: ArchivedPostgres, outside: ArchivedPostgres): Promise<Deployment> {
  const env = { DATABASE_URL: await main.urlOf('olms'), SANDBOX_DATABASE_URL: await outside.urlOf('olms_sandbox') };
  const system = new KillableSystem({
    folder,
    port: await freePort(),
    providerPort: await freePort(),
    key: KEY,
    env: { ...OUTSIDE, ...env },
  });
  const start = async (): Promise<void> => {
    system.spawn();
    await system.ready();
  };
  await start();
  const api = new Api(system.url, KEY);
  return {
    api,
    env,
    providerUrl: system.providerUrl,
    start,
    kill: async () => void (await system.kill({ postgres: false })),
    async stop() {
      await api.close();
      await system.kill({ postgres: false });
    },
  };
}

async function startApart(
  main: ArchivedPostgres,
  behind: ArchivedPostgres,
  outside: ArchivedPostgres,
): Promise<Deployment> {
  const env: Record<string, string> = {};
  for (const { name } of SERVICES) {
    const server = name === 'sandbox' ? outside : BEHIND.includes(name) ? behind : main;
    env[`${name.toUpperCase()}_DATABASE_URL`] = await server.urlOf(`olms_${name}`);
  }
  const started = await startCluster({ ...OUTSIDE, ...env });
  const cluster: Cluster = started.cluster;
  const api = new Api(cluster.urls[0]!, cluster.apiKey);
  return {
    api,
    env,
    providerUrl: cluster.providerUrl,
    start: () => cluster.restart(SERVICES.map(({ name }) => name)),
    kill: async () => void (await Promise.all(cluster.members.map((member) => member.stop()))),
    async stop() {
      await api.close();
      await started.stop();
    },
  };
}

if (import.meta.main) {
  // What was started ends with this process, also where it is interrupted.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const { values } = parseArgs({
    options: {
      cluster: { type: 'boolean', default: false },
      seed: { type: 'string' },
      seconds: { type: 'string', default: '4' },
    },
  });
  const seed = Number(values.seed ?? randomInt(2 ** 31));
  console.log(`drill: seed ${seed}`);
  const { faults, figures } = await runDrill({
    cluster: values.cluster,
    seed,
    phaseMs: Number(values.seconds) * 1_000,
    log: (line) => console.log(line),
  });
  for (const [name, value] of Object.entries(figures)) console.log(`${name}: ${value}`);
  for (const fault of faults) console.log(`VIOLATION ${fault}`);
  console.log(faults.length === 0 ? 'The backup is good.' : `${faults.length} faults.`);
  process.exit(faults.length === 0 ? 0 : 1);
}
