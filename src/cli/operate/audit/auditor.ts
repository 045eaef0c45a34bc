import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceAudit } from '#platform/audit.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { SERVICES } from '#system/services.ts';
import type { Progress } from '#cli/output.ts';
import { examineBetween, tallyBetween } from './between.ts';
import { auditBooks } from './books.ts';
import { type AuditChain, auditChains } from './chain.ts';
import { allChecks, type Check, NEEDED_SERVICES } from './checks.ts';
import { digestsOf } from './digests.ts';
import type { Finding } from './findings.ts';
import { auditOrphans } from './orphans.ts';
import { filesOf, type OrderFile } from './pages.ts';
import { auditParked, type LeftOutEvent } from './parked.ts';
import type { AuditedService, Place, Places } from './places.ts';
import { Reading } from './reading.ts';
import { examineSequences } from './sequences.ts';
import { type Sums, sumsOf } from './sums.ts';
import { Tallies, type Tally } from './tallies.ts';

export interface AuditReport {
  /** True where every check was done on everything and nothing differs. */
  readonly ok: boolean;
  /** `incomplete`: nothing that was examined differs, but not everything could be examined. */
  readonly outcome: 'agrees' | 'differs' | 'incomplete';
  readonly orders: number;
  readonly seconds: number;
  readonly checks: readonly (Tally & { readonly check: Check; readonly meaning: string })[];
  /** SHA-256 of what is stored, by what it is of (`orders`, `stock`, `money`); without those that were not found. */
  readonly digests: Readonly<Record<string, string>>;
  /** What people count, by what it is of (`revenue`, `refunds`, `stock`); without what was not found. */
  readonly sums: Readonly<Record<string, Sums>>;
  /** Events that somebody had a service skip, the latest first. */
  readonly leftOut: readonly LeftOutEvent[];
  /** The chains of audit entries, one in each database. */
  readonly chains: readonly AuditChain[];
}

export interface AuditLimits {
  /** How long services may take to act on an event they have not read yet. */
  readonly patienceMs: number;
}

const BATCH = 200;
const RECHECK_MS = 300;
/** More findings than this wait for nothing: they are named as not settled. */
const SUSPECTS_MAX = 2_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Audits databases over one connection each: everything is read in the one transaction that each holds. */
export async function auditPlaces(
  places: Places,
  { patienceMs }: AuditLimits,
  progress: Progress,
  definitions: readonly ServiceDefinition[] = SERVICES,
): Promise<AuditReport> {
  const startedMs = performance.now();
  const meanings = allChecks(definitions);
  const tallies = new Tallies(progress, Object.keys(meanings));
  const audits = places.all.flatMap(({ services }) => services.map(({ audit }) => audit));
  const suspects: Finding[] = [];
  skipMissing(tallies, places.missing);
  const { orders, digests, sums, leftOut, chains } = await inSnapshots(places, async () => {
    const examined = await auditOrders(places, tallies, audits, (finding) => {
      if (finding.consumer === undefined || (finding.read === true && !finding.open))
        tallies.violation(finding.check, finding.subject, finding.detail);
      else if (suspects.length < SUSPECTS_MAX) suspects.push(finding);
      else tallies.moving(finding.check, finding.subject, finding.detail);
    });
    await auditOrphans(places, tallies);
    for (const { database, services } of places.all)
      for (const { audit } of services) await audit.run?.(tallies.contextIn(database));
    const digests = await digestsOf(places);
    const sums = await sumsOf(places);
    const chains = await auditChains(places, tallies);
    return { orders: examined, digests, sums, chains, leftOut: await auditParked(places, tallies) };
  });
  await settle(places, tallies, suspects, patienceMs);
  await auditBooks(places, tallies, patienceMs);
  const checks = tallies
    .entries()
    .map(([check, tally]) => ({ check: check as Check, meaning: meanings[check]!, ...tally }));
  const outcome = checks.some(({ violations }) => violations > 0)
    ? 'differs'
    : checks.some(({ moving, skipped }) => moving > 0 || skipped !== undefined)
      ? 'incomplete'
      : 'agrees';
  return {
    ok: outcome === 'agrees',
    outcome,
    orders,
    seconds: Math.round(performance.now() - startedMs) / 1000,
    checks,
    digests,
    sums,
    leftOut,
    chains,
  };
}

/**
 * Read-only snapshots of all databases, taken within moments of each other. They have no transaction ids, so they hold
 * no reader of the log back. The orders' comes last: whatever another service knows of an order, its row is there.
 */
async function inSnapshots<Result>({ all }: Places, work: () => Promise<Result>): Promise<Result> {
  try {
    const before: string[] = [];
    for (const { database } of all) {
      await database.queryOnce('begin transaction isolation level repeatable read read only');
      before.push(await snapshotOf(database));
    }
    const result = await work();
    for (const [index, { database }] of all.entries()) {
      if ((await snapshotOf(database)) !== before[index])
        throw new Error('The connection to a database was lost; run the audit again.');
    }
    return result;
  } finally {
    for (const { database } of all) await database.queryOnce('rollback').catch(() => {});
  }
}

async function snapshotOf(database: Place['database']): Promise<string> {
  const [row] = await database.queryOnce<{ snapshot: string }>(
    "select pg_backend_pid() || ' ' || pg_current_snapshot()::text as snapshot",
  );
  return row!.snapshot;
}

/** What cannot be read cannot be checked. */
function skipMissing(tallies: Tallies, missing: Places['missing']): void {
  for (const { name, audit, emits, reason } of missing) {
    const needing = Object.entries(NEEDED_SERVICES).flatMap(([check, needed]) =>
      needed.includes(name) ? [check] : [],
    );
    // Whether a notification is of an event that happened, all logs say together.
    const known = emits === undefined ? [] : ['notifications'];
    for (const check of [...Object.keys(audit.checks), ...needing, ...known]) tallies.skip(check, reason);
  }
}

/** Holds every order against its log, in pages, and what services say of it against each other. Returns how many there are. */
async function auditOrders(
  places: Places,
  tallies: Tallies,
  audits: readonly ServiceAudit[],
  found: (finding: Finding) => void,
): Promise<number> {
  const { database } = places.all.at(-1)!;
  const [{ total } = { total: 0 }] = await database.query<{ total: number }>(
    'select count(*)::int as total from orders.orders',
  );
  const reading = await Reading.of(places);
  const services = places.all.flatMap((place) => place.services.map((service) => ({ ...service, place })));
  let done = 0;
  for (let after = FIRST_ID; ;) {
    const page = await database.query<{ id: string }>(
      `select id from orders.orders where id > $1 order by id limit ${BATCH}`,
      [after],
    );
    if (page.length === 0) return done;
    const ids = page.map((row) => row.id);
    for (const file of await filesOf(places.all, ids)) {
      auditOrder(tallies, services, audits, file);
      for (const finding of examineBetween(file, reading)) found(finding);
    }
    done += ids.length;
    after = ids.at(-1)!;
    tallies.progress('orders', done, total);
  }
}

function auditOrder(
  tallies: Tallies,
  services: readonly (AuditedService & { readonly place: Place })[],
  audits: readonly ServiceAudit[],
  file: OrderFile,
): void {
  for (const { audit, place } of services)
    audit.orders?.examine?.(tallies.contextIn(place.database), file, file.rowOf(audit));
  tallies.examined('sequences', file.events.length);
  examineSequences(file, audits, (detail) => tallies.violation('sequences', file.id, detail));
  tallyBetween(file, tallies);
}

/** Reads suspects until they agree or have no excuse left. */
async function settle(
  places: Places,
  tallies: Tallies,
  suspects: readonly Finding[],
  patienceMs: number,
): Promise<void> {
  const untilMs = Date.now() + patienceMs;
  for (let open = suspects; open.length > 0;) {
    const last = Date.now() >= untilMs;
    open = await inSnapshots(places, () => recheck(places, tallies, open, last));
    if (open.length === 0) return;
    tallies.progress('waiting for services to read on;', suspects.length - open.length, suspects.length);
    await sleep(RECHECK_MS);
  }
}

/** Settles what can be settled by now, and returns the others as they are now; at last everything. */
async function recheck(
  places: Places,
  tallies: Tallies,
  open: readonly Finding[],
  last: boolean,
): Promise<readonly Finding[]> {
  const still: Finding[] = [];
  const reading = await Reading.of(places);
  const byId = Map.groupBy(open, (finding) => finding.subject);
  const ids = [...byId.keys()];
  for (let start = 0; start < ids.length; start += BATCH) {
    for (const file of await filesOf(places.all, ids.slice(start, start + BATCH))) {
      const now = Map.groupBy(examineBetween(file, reading), (finding) => finding.check);
      const waiting = Map.groupBy(byId.get(file.id)!, (finding) => finding.check);
      for (const [check, before] of waiting) {
        for (const finding of now.get(check) ?? []) {
          const { subject, detail, fingerprint } = finding;
          const moved = !before.some((one) => one.fingerprint === fingerprint);
          if (finding.read === true && !finding.open) tallies.violation(check, subject, detail);
          else if (!last) still.push(finding);
          else if (finding.open || finding.read === false || moved) tallies.moving(check, subject, detail);
          else tallies.violation(check, subject, detail);
        }
      }
    }
  }
  return still;
}
