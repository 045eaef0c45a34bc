import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceAudit } from '#platform/audit.ts';
import type { Database } from '#platform/database/database.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { SERVICES } from '#system/services.ts';
import type { Progress } from '#cli/output.ts';
import { examineBetween, type Finding, type Offsets, tallyBetween } from './between.ts';
import { auditBooks } from './books.ts';
import { allChecks, type Check, NEEDED_SERVICE } from './checks.ts';
import { auditsHere, filesOf, type OrderFile } from './pages.ts';
import { examineSequences } from './sequences.ts';
import { EXAMPLES_MAX, Tallies, type Tally } from './tallies.ts';

export interface AuditReport {
  readonly ok: boolean;
  readonly orders: number;
  readonly seconds: number;
  readonly checks: readonly (Tally & { readonly check: Check; readonly meaning: string })[];
}

export interface AuditLimits {
  /** Books of the sandbox provider. */
  readonly providerUrl: string;
  /** How long services may take to act on an event they have not read yet. */
  readonly patienceMs: number;
}

const BATCH = 200;
const RECHECK_MS = 300;
/** More findings of one check than this say no more; they are counted at once. */
const SUSPECTS_MAX = 2_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Audits a database over its one connection: everything is read in the one transaction that it holds. */
export async function auditDatabase(
  database: Database,
  { providerUrl, patienceMs }: AuditLimits,
  progress: Progress,
  definitions: readonly ServiceDefinition[] = SERVICES,
): Promise<AuditReport> {
  const startedMs = performance.now();
  const meanings = allChecks(definitions);
  const tallies = new Tallies(database, progress, Object.keys(meanings));
  const suspects: Finding[] = [];
  let audits: readonly ServiceAudit[] = [];
  const orders = await inSnapshot(database, async () => {
    const [row] = await database.query<{ present: boolean }>(
      "select to_regclass('orders.orders') is not null as present",
    );
    if (!row!.present)
      throw new Error('This database has no orders; it is not a database of OLMS, or was never migrated.');
    const { here, elsewhere } = await auditsHere(database, definitions);
    audits = here;
    skipElsewhere(tallies, elsewhere);
    const examined = await auditOrders(tallies, audits, (finding) => {
      if (finding.open) tallies.moving(finding.check);
      else if (finding.consumer === undefined || finding.read === true || suspects.length >= SUSPECTS_MAX)
        tallies.violation(finding.check, finding.subject, finding.detail);
      else suspects.push(finding);
    });
    await auditOrphans(tallies, audits);
    for (const audit of audits) await audit.run?.(tallies);
    return examined;
  });
  await settle(tallies, audits, suspects, patienceMs);
  if (!tallies.isSkipped('provider')) await auditBooks(tallies, providerUrl, patienceMs);
  const checks = tallies
    .entries()
    .map(([check, tally]) => ({ check: check as Check, meaning: meanings[check]!, ...tally }));
  return {
    ok: checks.every((check) => check.violations === 0),
    orders,
    seconds: Math.round(performance.now() - startedMs) / 1000,
    checks,
  };
}

/** A read-only snapshot. It has no transaction id, so it holds no reader of the log back. */
async function inSnapshot<Result>(database: Database, work: () => Promise<Result>): Promise<Result> {
  await database.queryOnce('begin transaction isolation level repeatable read read only');
  try {
    const before = await snapshotOf(database);
    const result = await work();
    if ((await snapshotOf(database)) !== before)
      throw new Error('The connection to the database was lost; run the audit again.');
    return result;
  } finally {
    await database.queryOnce('rollback').catch(() => {});
  }
}

async function snapshotOf(database: Database): Promise<string> {
  const [row] = await database.queryOnce<{ snapshot: string }>(
    "select pg_backend_pid() || ' ' || pg_current_snapshot()::text as snapshot",
  );
  return row!.snapshot;
}

/** What cannot be read here is skipped, and is no fault. */
function skipElsewhere(tallies: Tallies, elsewhere: ReadonlyMap<string, ServiceAudit>): void {
  for (const [name, audit] of elsewhere) {
    const needing = Object.entries(NEEDED_SERVICE).flatMap(([check, needed]) => (needed === name ? [check] : []));
    for (const check of [...Object.keys(audit.checks), ...needing])
      tallies.skip(check, `${name} keeps its tables elsewhere`);
  }
}

/** Holds every order against its log, in pages, and what services say of it against each other. Returns how many there are. */
async function auditOrders(
  tallies: Tallies,
  audits: readonly ServiceAudit[],
  found: (finding: Finding) => void,
): Promise<number> {
  const { database } = tallies;
  const [{ total } = { total: 0 }] = await database.query<{ total: number }>(
    'select count(*)::int as total from orders.orders',
  );
  const offsets = await offsetsOf(database);
  let done = 0;
  for (let after = FIRST_ID; ;) {
    const page = await database.query<{ id: string }>(
      `select id from orders.orders where id > $1 order by id limit ${BATCH}`,
      [after],
    );
    if (page.length === 0) return done;
    const ids = page.map((row) => row.id);
    for (const file of await filesOf(database, audits, ids)) {
      auditOrder(tallies, audits, file);
      for (const finding of examineBetween(file, offsets)) found(finding);
    }
    done += ids.length;
    after = ids.at(-1)!;
    tallies.progress('orders', done, total);
  }
}

function auditOrder(tallies: Tallies, audits: readonly ServiceAudit[], file: OrderFile): void {
  for (const audit of audits) audit.orders?.examine?.(tallies, file, file.rowOf(audit));
  tallies.examined('sequences', file.events.length);
  examineSequences(file, audits, (detail) => tallies.violation('sequences', file.id, detail));
  tallyBetween(file, tallies);
}

/** How far each consumer of the embedded log has read. Positions on Kafka say nothing about rows here. */
async function offsetsOf(database: Database): Promise<Offsets> {
  const rows = await database.query<{ consumer: string; txid: number; position: number }>(
    'select consumer, txid, position from log.consumer_offsets where partition = 0 and txid > 0',
  );
  return new Map(rows.map(({ consumer, ...position }) => [consumer, position]));
}

/** Reads suspects until they agree, move, or have no excuse left. */
async function settle(
  tallies: Tallies,
  audits: readonly ServiceAudit[],
  suspects: readonly Finding[],
  patienceMs: number,
): Promise<void> {
  const untilMs = Date.now() + patienceMs;
  for (let open = suspects; ;) {
    const last = Date.now() >= untilMs;
    open = await inSnapshot(tallies.database, () => recheck(tallies, audits, open, last));
    if (open.length === 0) return;
    tallies.progress('waiting for services to read on;', suspects.length - open.length, suspects.length);
    await sleep(RECHECK_MS);
  }
}

/** Settles what can be settled by now, and returns the others; at last everything. */
async function recheck(
  tallies: Tallies,
  audits: readonly ServiceAudit[],
  open: readonly Finding[],
  last: boolean,
): Promise<readonly Finding[]> {
  const still: Finding[] = [];
  const offsets = await offsetsOf(tallies.database);
  const byId = Map.groupBy(open, (finding) => finding.subject);
  const ids = [...byId.keys()];
  for (let start = 0; start < ids.length; start += BATCH) {
    for (const file of await filesOf(tallies.database, audits, ids.slice(start, start + BATCH))) {
      const now = new Map(examineBetween(file, offsets).map((finding) => [finding.check, finding]));
      for (const before of byId.get(file.id)!) {
        const finding = now.get(before.check);
        const moved = !finding || finding.open === true || finding.fingerprint !== before.fingerprint;
        if (moved || (last && finding.read === false)) tallies.moving(before.check);
        else if (finding.read === true || last) tallies.violation(finding.check, finding.subject, finding.detail);
        else still.push(before);
      }
    }
  }
  return still;
}

/** Rows of services that belong to no order. */
async function auditOrphans(tallies: Tallies, audits: readonly ServiceAudit[]): Promise<void> {
  const orphans = async (table: string, id: string, condition: string): Promise<void> => {
    const rows = await tallies.database.query<{ id: string; count: number }>(
      `select t.${id} as id, count(*) over ()::int as count from ${table} t where ${condition} and not exists (select 1 from orders.orders o where o.id = t.${id}) limit ${EXAMPLES_MAX}`,
    );
    for (const row of rows) tallies.violation('orphans', row.id, `is in ${table}, and no such order is stored`);
    tallies.more('orphans', Math.max((rows[0]?.count ?? 0) - rows.length, 0));
    tallies.examined('orphans');
  };
  await orphans('log.order_outbox', 'subject', "t.type = 'OrderCreated'");
  for (const { tables } of audits) for (const table of tables) await orphans(table, 'order_id', 'true');
}
