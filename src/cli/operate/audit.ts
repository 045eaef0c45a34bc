import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Envelope } from '#contracts/envelope.ts';
import { amountMinor, formatAmount } from '#contracts/money.ts';
import { SOURCES } from '#contracts/order-events.ts';
import { fold } from '#orders/rules/evolve.ts';
import type { Order } from '#orders/rules/state.ts';
import { loadOrders, type StoredRow } from '#orders/store.ts';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { Database } from '#platform/database/database.ts';
import { startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { fromRow, OUTBOX_COLUMNS, type OutboxRow } from '#platform/log/outbox.ts';
import { sandboxUrl } from '#sandbox/settings.ts';
import { processSettings } from '#system/settings.ts';
import { print, printJson, Progress, table } from '#cli/client.ts';

/**
 * `olms audit`: does everything that is stored agree? It reads the tables of all services in one snapshot,
 * in batches, beside a running system. Within a service the snapshot is exact, because every save is one
 * statement. Between services an event may be on its way: such a finding counts once the service has read
 * the event behind it, or, where that cannot be told, when nothing about the order has changed for a while.
 */

export const CHECKS = {
  fold: "folding an order's own events gives exactly the stored row",
  sequences: 'events are numbered without gaps, per order and source, and none precedes its cause',
  orphans: 'every row of a service belongs to an order',
  reserved: 'reserved stock is what live reservations hold, per article and location',
  ledger: 'stock is the sum of its ledger, per article and location',
  available: 'nothing is sold that is not there',
  money: 'captured is at most authorized, refunded at most captured',
  'one-charge': 'an order is charged at most once',
  'ended-money': 'orders that ended without a sale hold no money',
  'ended-stock': 'orders that ended without a sale hold no stock',
  'completed-paid': 'completed orders are paid in full',
  refunds: 'an order knows what was refunded',
  provider: "the provider's books say the same as ours",
  notifications: 'nobody is told twice: one notification per event and channel',
  invoices: 'every completed order has one invoice over its total',
  'credit-notes': 'invoices less credit notes are what was captured less what was refunded',
  'invoice-numbers': 'numbers of invoices and credit notes have no gaps',
} as const;
export type Check = keyof typeof CHECKS;

export interface AuditOptions {
  readonly json?: boolean;
  readonly providerUrl?: string;
  /** Seconds. */
  readonly patience?: number;
}

/** Something that does not agree. */
interface Finding {
  readonly check: Check;
  readonly subject: string;
  readonly detail: string;
  /** The service that has to act on an event for this to agree; without it the finding stands at once. */
  readonly consumer?: string;
  /** Whether that service has read the event; undefined where its position cannot be compared. */
  readonly read?: boolean | undefined;
  /** Of what is known about the order; another one later means that it moves. */
  readonly fingerprint?: string;
  /** An operation at the provider is open: reconciliation will see to it. */
  readonly open?: boolean;
}

interface Tally {
  examined: number;
  violations: number;
  /** Not at rest: an event is unread or an operation at the provider open. */
  moving: number;
  readonly examples: { subject: string; detail: string }[];
  skipped?: string;
}

export interface AuditReport {
  readonly ok: boolean;
  readonly orders: number;
  readonly seconds: number;
  readonly checks: readonly (Tally & { readonly check: Check; readonly meaning: string })[];
}

const BATCH = 200;
const BOOKS_BATCH = 1_000;
const EXAMPLES = 5;
const PATIENCE_S = 10;
const RECHECK_MS = 300;
/** More findings of one check than this say no more; they are counted without a second look. */
const SUSPECTS_MAX = 2_000;
const STATEMENT_TIMEOUT_MS = 600_000;
const PROVIDER_TIMEOUT_MS = 10_000;
const ENDED_WITHOUT_SALE = new Set<Order['status']>(['CANCELLED', 'REJECTED', 'PAYMENT_FAILED']);

export async function audit(options: AuditOptions, env: Environment): Promise<void> {
  const report = await runAudit(options, env);
  if (options.json) printJson(report);
  else print(textOf(report));
  if (!report.ok) process.exitCode = 1;
}

/** Audits the database of DATABASE_URL, or the embedded one, running or not. */
export async function runAudit(options: AuditOptions, env: Environment): Promise<AuditReport> {
  const config = readSettings(processSettings, env);
  const dataDir = join(config.dataFolder, 'postgres');
  if (config.databaseUrl === '' && !existsSync(dataDir))
    throw new Error(`There is no data in ${config.dataFolder}; name it with OLMS_DATA, or set DATABASE_URL.`);
  const embedded = config.databaseUrl === '' ? await startEmbeddedPostgres({ dataDir }) : undefined;
  // One connection: everything is read in the one transaction that it holds.
  const database = new Database({
    url: embedded?.url ?? config.databaseUrl,
    poolSize: 1,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    applicationName: 'olms-audit',
  });
  const progress = new Progress();
  try {
    const auditor = new Auditor(
      database,
      options.providerUrl ?? sandboxUrl(env),
      (options.patience ?? PATIENCE_S) * 1000,
      progress,
    );
    return await auditor.run();
  } finally {
    progress.end();
    await database.close();
    await embedded?.stop();
  }
}

interface Operation {
  readonly kind: string;
  readonly key: string;
  readonly state: string;
}

interface PaymentRow extends Record<string, unknown> {
  order_id: string;
  version: number;
  sequence: number;
  provider: string;
  currency: string;
  amount: string;
  authorized: string;
  captured: string;
  voided: string;
  refunded: string;
  charge_reference: string | null;
  operations: Operation[];
}

interface Allocation {
  readonly sku: string;
  readonly location: string;
  readonly quantity: number;
}

interface ReservationRow extends Record<string, unknown> {
  order_id: string;
  version: number;
  sequence: number;
  status: string;
  allocations: Allocation[];
}

interface InvoiceRow extends Record<string, unknown> {
  order_id: string;
  sequence: number;
  number: string;
  total: string;
  currency: string;
  credit_notes: { amount: string }[];
}

type LogRow = Envelope & { readonly txid: number; readonly position: number };

/** All that is stored about one order, whichever service stores it. */
interface Dossier {
  readonly id: string;
  readonly row: StoredRow | undefined;
  readonly unreadable: string | undefined;
  readonly events: readonly LogRow[];
  readonly reservation: ReservationRow | undefined;
  readonly payment: PaymentRow | undefined;
  readonly invoice: InvoiceRow | undefined;
  readonly notifications: readonly { readonly event_id: string; readonly channel: string }[];
  /** Number of events by source, as each service counts them in its own row. */
  readonly sequences: ReadonlyMap<string, number>;
}

type Offsets = ReadonlyMap<string, { readonly txid: number; readonly position: number }>;

const PAYMENT_COLUMNS =
  'order_id, version, sequence, provider, currency, amount, authorized, captured, voided, refunded, charge_reference, operations';
const TABLES = [
  'inventory.reservations',
  'payments.payments',
  'shipping.orders',
  'reviews.reviews',
  'billing.invoices',
  'notifications.notifications',
] as const;

class Auditor {
  readonly #database: Database;
  readonly #providerUrl: string;
  readonly #patienceMs: number;
  readonly #progress: Progress;
  readonly #tallies = new Map<Check, Tally>();
  readonly #suspects: Finding[] = [];
  readonly #present = new Set<string>();
  /** Pieces held by live reservations, by article and location. */
  readonly #held = new Map<string, number>();

  constructor(database: Database, providerUrl: string, patienceMs: number, progress: Progress) {
    this.#database = database;
    this.#providerUrl = providerUrl;
    this.#patienceMs = patienceMs;
    this.#progress = progress;
    for (const check of Object.keys(CHECKS) as Check[])
      this.#tallies.set(check, { examined: 0, violations: 0, moving: 0, examples: [] });
  }

  async run(): Promise<AuditReport> {
    const startedMs = performance.now();
    const orders = await this.#inSnapshot(async () => {
      for (const name of ['orders.orders', ...TABLES]) {
        const [row] = await this.#database.query<{ present: boolean }>(
          'select to_regclass($1) is not null as present',
          [name],
        );
        if (row!.present) this.#present.add(name);
      }
      if (!this.#present.has('orders.orders'))
        throw new Error('This database has no orders; it is not a database of OLMS, or was never migrated.');
      const examined = await this.#auditOrders();
      await this.#auditOrphans();
      await this.#auditStock();
      await this.#auditNumbers();
      return examined;
    });
    await this.#settleSuspects();
    await this.#auditBooks();
    const checks = [...this.#tallies].map(([check, tally]) => ({ check, meaning: CHECKS[check], ...tally }));
    return {
      ok: checks.every((check) => check.violations === 0),
      orders,
      seconds: Math.round(performance.now() - startedMs) / 1000,
      checks,
    };
  }

  /** A read-only snapshot. It has no transaction id, so it holds no reader of the log back. */
  async #inSnapshot<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#database.queryOnce('begin transaction isolation level repeatable read read only');
    try {
      const before = await this.#snapshot();
      const result = await work();
      if ((await this.#snapshot()) !== before)
        throw new Error('The connection to the database was lost; run the audit again.');
      return result;
    } finally {
      await this.#database.queryOnce('rollback').catch(() => {});
    }
  }

  async #snapshot(): Promise<string> {
    const [row] = await this.#database.queryOnce<{ snapshot: string }>(
      "select pg_backend_pid() || ' ' || pg_current_snapshot()::text as snapshot",
    );
    return row!.snapshot;
  }

  #count(check: Check, times = 1): void {
    this.#tallies.get(check)!.examined += times;
  }

  #violation({ check, subject, detail }: Finding): void {
    const tally = this.#tallies.get(check)!;
    tally.violations++;
    if (tally.examples.length < EXAMPLES) tally.examples.push({ subject, detail });
  }

  /** What a first look found: a violation at once, or one to look at again. */
  #found(finding: Finding): void {
    if (finding.open) this.#tallies.get(finding.check)!.moving++;
    else if (finding.consumer === undefined || finding.read === true || this.#suspects.length >= SUSPECTS_MAX)
      this.#violation(finding);
    else this.#suspects.push(finding);
  }

  // --- orders ---

  async #auditOrders(): Promise<number> {
    const [{ total } = { total: 0 }] = await this.#database.query<{ total: number }>(
      'select count(*)::int as total from orders.orders',
    );
    const offsets = await this.#offsets();
    let done = 0;
    for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
      const page = await this.#database.query<{ id: string }>(
        `select id from orders.orders where id > $1 order by id limit ${BATCH}`,
        [after],
      );
      if (page.length === 0) break;
      const ids = page.map((row) => row.id);
      for (const dossier of await this.#dossiers(ids)) {
        this.#tallyOrder(dossier);
        for (const finding of examine(dossier, offsets)) this.#found(finding);
      }
      done += ids.length;
      after = ids.at(-1)!;
      this.#progress.update('orders', done, total);
    }
    return done;
  }

  #tallyOrder(dossier: Dossier): void {
    this.#count('fold');
    this.#count('sequences', dossier.events.length);
    const { reservation, payment, row } = dossier;
    const status = row?.state?.status;
    if (payment) for (const check of ['money', 'one-charge', 'refunds'] as const) this.#count(check);
    if (status && ENDED_WITHOUT_SALE.has(status))
      for (const check of ['ended-money', 'ended-stock'] as const) this.#count(check);
    if (status === 'COMPLETED')
      for (const check of ['completed-paid', 'invoices', 'credit-notes'] as const) this.#count(check);
    this.#count('notifications', dossier.notifications.length);
    for (const { sku, location, quantity } of reservation?.status === 'RESERVED' ? reservation.allocations : []) {
      const key = JSON.stringify([sku, location]);
      this.#held.set(key, (this.#held.get(key) ?? 0) + quantity);
    }
  }

  /** How far each consumer of the embedded log has read. Positions on Kafka say nothing about rows here. */
  async #offsets(): Promise<Offsets> {
    const rows = await this.#database.query<{ consumer: string; txid: number; position: number }>(
      'select consumer, txid, position from log.consumer_offsets where partition = 0 and txid > 0',
    );
    return new Map(rows.map(({ consumer, ...cursor }) => [consumer, cursor]));
  }

  async #dossiers(ids: readonly string[]): Promise<Dossier[]> {
    const read = async <Row extends Record<string, unknown>>(
      name: (typeof TABLES)[number],
      columns: string,
    ): Promise<(Row & { order_id: string })[]> =>
      this.#present.has(name)
        ? this.#database.query<Row & { order_id: string }>(
            `select ${columns} from ${name} where order_id = any($1::uuid[])`,
            [ids],
          )
        : [];
    const { rows, unreadable } = await this.#storedOrders(ids);
    const log = await this.#database.query<OutboxRow & { txid: number; position: number }>(
      `select txid::text::bigint as txid, position, ${OUTBOX_COLUMNS} from log.order_outbox where subject = any($1::uuid[]) order by order_outbox.txid, position`,
      [ids],
    );
    const events = Map.groupBy(
      log.map((row): LogRow => ({ ...fromRow(row), txid: row.txid, position: row.position })),
      (event) => event.subject,
    );
    const reservations = byOrder(
      await read<ReservationRow>(
        'inventory.reservations',
        "order_id, version, sequence, status, detail->'allocations' as allocations",
      ),
    );
    const payments = byOrder(await read<PaymentRow>('payments.payments', PAYMENT_COLUMNS));
    const invoices = byOrder(
      await read<InvoiceRow>(
        'billing.invoices',
        "order_id, sequence, number, total::text as total, currency, body->'creditNotes' as credit_notes",
      ),
    );
    const shipping = byOrder(
      await read<{ order_id: string; sequence: number }>('shipping.orders', 'order_id, sequence'),
    );
    const reviews = byOrder(
      await read<{ order_id: string; sequence: number }>('reviews.reviews', 'order_id, sequence'),
    );
    const notifications = Map.groupBy(
      await read<{ event_id: string; channel: string }>('notifications.notifications', 'order_id, event_id, channel'),
      (row) => row.order_id,
    );
    return ids.map((id) => {
      const sequences = new Map<string, number>();
      const counts = (source: string, row: { readonly sequence: number } | undefined): void =>
        void (row && sequences.set(source, row.sequence));
      counts(SOURCES.orders, rows.get(id));
      counts(SOURCES.inventory, reservations.get(id));
      counts(SOURCES.payments, payments.get(id));
      counts(SOURCES.shipping, shipping.get(id));
      counts(SOURCES.reviews, reviews.get(id));
      counts(SOURCES.billing, invoices.get(id));
      return {
        id,
        row: rows.get(id),
        unreadable: unreadable.get(id),
        events: events.get(id) ?? [],
        reservation: reservations.get(id),
        payment: payments.get(id),
        invoice: invoices.get(id),
        notifications: notifications.get(id) ?? [],
        sequences,
      };
    });
  }

  /** A row that cannot even be read is a finding, not the end of the audit. */
  async #storedOrders(
    ids: readonly string[],
  ): Promise<{ rows: Map<string, StoredRow>; unreadable: Map<string, string> }> {
    const unreadable = new Map<string, string>();
    try {
      return { rows: new Map((await loadOrders(this.#database, ids)).map((row) => [row.id, row])), unreadable };
    } catch {
      const rows = new Map<string, StoredRow>();
      for (const id of ids) {
        try {
          for (const row of await loadOrders(this.#database, [id])) rows.set(id, row);
        } catch (error) {
          unreadable.set(id, (error as Error).message);
        }
      }
      return { rows, unreadable };
    }
  }

  /** Looks at suspects until they agree, move, or have no excuse left. */
  async #settleSuspects(): Promise<void> {
    const untilMs = Date.now() + this.#patienceMs;
    let open = this.#suspects;
    for (;;) {
      const last = Date.now() >= untilMs;
      const still: Finding[] = [];
      await this.#inSnapshot(async () => {
        const offsets = await this.#offsets();
        const byId = Map.groupBy(open, (finding) => finding.subject);
        const ids = [...byId.keys()];
        for (let start = 0; start < ids.length; start += BATCH) {
          for (const dossier of await this.#dossiers(ids.slice(start, start + BATCH))) {
            const now = new Map(examine(dossier, offsets).map((finding) => [finding.check, finding]));
            for (const before of byId.get(dossier.id)!) {
              const finding = now.get(before.check);
              const moved = !finding || finding.open === true || finding.fingerprint !== before.fingerprint;
              if (moved || (last && finding.read === false)) this.#tallies.get(before.check)!.moving++;
              else if (finding.read === true || last) this.#violation(finding);
              else still.push(before);
            }
          }
        }
      });
      if (still.length === 0) return;
      open = still;
      this.#progress.update(
        'waiting for services to read on;',
        this.#suspects.length - still.length,
        this.#suspects.length,
      );
      await sleep(RECHECK_MS);
    }
  }

  // --- rows without an order ---

  async #auditOrphans(): Promise<void> {
    const orphans = async (name: string, id: string, condition: string): Promise<void> => {
      const rows = await this.#database.query<{ id: string; count: number }>(
        `select t.${id} as id, count(*) over ()::int as count from ${name} t where ${condition} and not exists (select 1 from orders.orders o where o.id = t.${id}) limit ${EXAMPLES}`,
      );
      for (const row of rows)
        this.#violation({ check: 'orphans', subject: row.id, detail: `is in ${name}, and no such order is stored` });
      this.#tallies.get('orphans')!.violations += Math.max((rows[0]?.count ?? 0) - rows.length, 0);
      this.#count('orphans');
    };
    await orphans('log.order_outbox', 'subject', "t.type = 'OrderCreated'");
    await orphans('orders.order_states', 'order_id', 'true');
    for (const name of TABLES) if (this.#present.has(name)) await orphans(name, 'order_id', 'true');
  }

  // --- stock ---

  async #auditStock(): Promise<void> {
    if (!this.#present.has('inventory.reservations')) {
      for (const check of ['reserved', 'ledger', 'available'] as const)
        this.#tallies.get(check)!.skipped = 'inventory keeps its tables elsewhere';
      return;
    }
    let done = 0;
    for (let after = ''; ;) {
      const skus = (
        await this.#database.query<{ sku: string }>(
          `select sku from inventory.products where sku > $1 order by sku limit ${BATCH}`,
          [after],
        )
      ).map((row) => row.sku);
      if (skus.length === 0) break;
      const rows = await this.#database.query<{
        sku: string;
        location: string;
        on_hand: number;
        reserved: number;
        ledger_on_hand: number;
        ledger_reserved: number;
      }>(
        `select sku, location, coalesce(s.on_hand, 0) as on_hand, coalesce(s.reserved, 0) as reserved,
           coalesce(l.on_hand, 0)::bigint as ledger_on_hand, coalesce(l.reserved, 0)::bigint as ledger_reserved
         from (select * from inventory.stock where sku = any($1::text[])) s
         full join (select sku, location, sum(on_hand_delta) as on_hand, sum(reserved_delta) as reserved
                    from inventory.ledger where sku = any($1::text[]) group by sku, location) l using (sku, location)`,
        [skus],
      );
      for (const row of rows) {
        const { sku, location, on_hand: onHand, reserved } = row;
        const subject = `${sku} at ${location}`;
        for (const check of ['reserved', 'ledger', 'available'] as const) this.#count(check);
        const key = JSON.stringify([sku, location]);
        const held = this.#held.get(key) ?? 0;
        this.#held.delete(key);
        if (held !== reserved)
          this.#violation({
            check: 'reserved',
            subject,
            detail: `${reserved} are reserved, live reservations hold ${held}`,
          });
        if (onHand !== row.ledger_on_hand || reserved !== row.ledger_reserved) {
          this.#violation({
            check: 'ledger',
            subject,
            detail: `stored ${onHand} on hand and ${reserved} reserved, the ledger says ${row.ledger_on_hand} and ${row.ledger_reserved}`,
          });
        }
        if (onHand < reserved || reserved < 0)
          this.#violation({ check: 'available', subject, detail: `${onHand} on hand, ${reserved} reserved` });
      }
      done += skus.length;
      after = skus.at(-1)!;
      this.#progress.update('articles', done, undefined);
    }
    for (const [key, held] of this.#held) {
      const [sku, location] = JSON.parse(key) as [string, string];
      this.#violation({
        check: 'reserved',
        subject: `${sku} at ${location}`,
        detail: `live reservations hold ${held}, there is no such stock`,
      });
    }
  }

  // --- numbers of documents ---

  async #auditNumbers(): Promise<void> {
    if (!this.#present.has('billing.invoices')) {
      for (const check of ['invoices', 'credit-notes', 'invoice-numbers'] as const)
        this.#tallies.get(check)!.skipped = 'billing keeps its tables elsewhere';
      return;
    }
    const documents = {
      invoice: 'select number from billing.invoices',
      'credit-note':
        "select note->>'number' as number from billing.invoices, json_array_elements(coalesce(body->'creditNotes', '[]'::json)) note",
    };
    for (const [counter, select] of Object.entries(documents)) {
      const gaps = await this.#database.query<{ after: number; next: number | null; count: number; last: number }>(
        `with n as (select substring(number from '[0-9]+$')::bigint as n from (${select}) d),
           c as (select value from billing.counters where key = $1),
           g as (select n as after, lead(n) over (order by n) as next from (select 0::bigint as n union all select n from n) all_numbers)
         select after, coalesce(next, (select value from c) + 1) as next, (select count(*) from n)::int as count, (select value from c) as last
         from g where coalesce(next, (select value from c) + 1) <> after + 1 order by after limit ${EXAMPLES}`,
        [counter],
      );
      const [{ count } = { count: 0 }] = await this.#database.query<{ count: number }>(
        `select count(*)::int as count from (${select}) d`,
      );
      this.#count('invoice-numbers', count);
      for (const { after, next, last } of gaps) {
        this.#violation({
          check: 'invoice-numbers',
          subject: `${counter} ${after}`,
          detail: `is followed by ${next}; the counter stands at ${last}`,
        });
      }
    }
  }

  // --- the provider ---

  /**
   * Compares the sandbox provider's books with the payments. The books are read live, so a difference is
   * looked at again; with an operation still open, it is what reconciliation is there for.
   */
  async #auditBooks(): Promise<void> {
    const tally = this.#tallies.get('provider')!;
    if (!this.#present.has('payments.payments')) return void (tally.skipped = 'payments keeps its tables elsewhere');
    const suspects = new Map<string, Finding>();
    const inBooks = new Set<string>();
    let known = 0;
    try {
      for (let after: string | null = ''; after !== null;) {
        const page: { items: Charge[]; next: string | null } = await this.#ask(
          `/v1/books?limit=${BOOKS_BATCH}${after === '' ? '' : `&after=${after}`}`,
        );
        const charges = page.items.filter((charge) => charge.status === 'approved');
        const payments = byOrder(await this.#payments(charges.map((charge) => charge.reference)));
        for (const charge of charges) {
          inBooks.add(charge.id);
          const payment = payments.get(charge.reference);
          if (payment) known++;
          this.#suspect(suspects, charge.reference, payment, charge);
        }
        tally.examined += charges.length;
        after = page.next;
        this.#progress.update('charges', tally.examined, undefined);
      }
    } catch (error) {
      if (!(error instanceof ProviderSilent)) throw error;
      return void (tally.skipped = error.message);
    }
    if (known === 0 && inBooks.size > 0)
      return void (tally.skipped = `${this.#providerUrl} keeps the books of another system`);
    for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
      const page = await this.#database.query<PaymentRow>(
        `select ${PAYMENT_COLUMNS} from payments.payments where order_id > $1 and provider = 'sandbox' and charge_reference is not null order by order_id limit ${BATCH}`,
        [after],
      );
      for (const payment of page)
        if (!inBooks.has(payment.charge_reference!) && isHeld(payment))
          this.#suspect(suspects, payment.order_id, payment, undefined);
      if (page.length < BATCH) break;
      after = page.at(-1)!.order_id;
    }
    await this.#settleBooks(suspects);
  }

  #suspect(
    suspects: Map<string, Finding>,
    orderId: string,
    payment: PaymentRow | undefined,
    charge: Charge | undefined,
  ): void {
    const detail = bookDifference(payment, charge);
    if (detail !== undefined)
      suspects.set(`${orderId} ${charge?.id ?? ''}`, { check: 'provider', subject: orderId, detail });
  }

  async #settleBooks(suspects: Map<string, Finding>): Promise<void> {
    const untilMs = Date.now() + Math.min(this.#patienceMs, RECHECK_MS);
    if (suspects.size > 0) await sleep(Math.max(untilMs - Date.now(), 0));
    for (const [name, first] of suspects) {
      const [payment] = await this.#payments([first.subject]);
      const chargeId = name.slice(first.subject.length + 1);
      const charge = await this.#chargeOf(payment, chargeId);
      const detail = bookDifference(payment, charge);
      if (detail === undefined || hasOpenOperation(payment)) this.#tallies.get('provider')!.moving++;
      else this.#violation({ ...first, detail });
    }
  }

  async #payments(orderIds: readonly string[]): Promise<PaymentRow[]> {
    return this.#database.query<PaymentRow>(
      `select ${PAYMENT_COLUMNS} from payments.payments where order_id = any($1::uuid[])`,
      [orderIds],
    );
  }

  /** A charge as the books have it now: by its place in the books, or by the key it was asked for under. */
  async #chargeOf(payment: PaymentRow | undefined, chargeId: string): Promise<Charge | undefined> {
    if (chargeId !== '') {
      const before = idBefore(chargeId);
      const page = await this.#ask<{ items: Charge[] }>(`/v1/books?limit=1&after=${before}`);
      return page.items.find((charge) => charge.id === chargeId);
    }
    for (const { kind, key } of payment?.operations ?? []) {
      if (kind !== 'charge' && kind !== 'authorize') continue;
      const charge = await this.#ask<Charge | undefined>(`/v1/charges?key=${encodeURIComponent(key)}`);
      if (charge?.id === payment!.charge_reference) return charge;
    }
    return undefined;
  }

  /** The provider's answer; undefined where it knows no such thing. */
  async #ask<Body>(path: string): Promise<Body> {
    try {
      const response = await fetch(`${this.#providerUrl}${path}`, { signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS) });
      const body = (await response.json()) as Body;
      if (response.status === 404) return undefined as Body;
      if (response.ok) return body;
      throw new Error(`HTTP ${response.status}`);
    } catch (error) {
      throw new ProviderSilent(
        `no books at ${this.#providerUrl} (${((error as Error).cause as { code?: string })?.code ?? (error as Error).message})`,
      );
    }
  }
}

class ProviderSilent extends Error {}

interface Charge {
  readonly id: string;
  readonly reference: string;
  readonly status: string;
  readonly currency: string;
  readonly authorized: string;
  readonly captured: string;
  readonly voided: string;
  readonly refunded: string;
}

function byOrder<Row extends { readonly order_id: string }>(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.order_id, row]));
}

/** The greatest UUID below another. */
function idBefore(id: string): string {
  const hex = (BigInt(`0x${id.replaceAll('-', '')}`) - 1n).toString(16).padStart(32, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function hasOpenOperation(payment: PaymentRow | undefined): boolean {
  return payment?.operations.some(({ state }) => state !== 'succeeded' && state !== 'failed') ?? false;
}

interface Money {
  readonly authorized: bigint;
  readonly captured: bigint;
  readonly voided: bigint;
  readonly refunded: bigint;
}

/** NUMERIC columns have four decimals, whatever the currency has. */
function moneyOf({ currency, authorized, captured, voided, refunded }: PaymentRow | Charge): Money {
  const minor = (text: string): bigint => amountMinor(text, currency);
  return { authorized: minor(authorized), captured: minor(captured), voided: minor(voided), refunded: minor(refunded) };
}

function isHeld(payment: PaymentRow): boolean {
  return moneyOf(payment).authorized > 0n;
}

function bookDifference(payment: PaymentRow | undefined, charge: Charge | undefined): string | undefined {
  if (!charge) return payment ? `we hold charge ${payment.charge_reference}, the provider does not know it` : undefined;
  if (!payment) return `the provider holds charge ${charge.id} for an order that has no payment here`;
  if (payment.charge_reference !== charge.id)
    return `the provider holds charge ${charge.id} beside ours, ${payment.charge_reference ?? 'none'}`;
  if (charge.status !== 'approved') return `we hold charge ${charge.id}, for the provider it is ${charge.status}`;
  const [ours, theirs] = [moneyOf(payment), moneyOf(charge)];
  const different = (Object.keys(ours) as (keyof Money)[]).filter((name) => ours[name] !== theirs[name]);
  if (different.length === 0) return undefined;
  const texts = different.map(
    (name) =>
      `${name} ${formatAmount(ours[name], payment.currency)} here, ${formatAmount(theirs[name], charge.currency)} there`,
  );
  return `charge ${charge.id}: ${texts.join('; ')}`;
}

// --- one order ---

/** Everything about one order that does not agree. */
function examine(dossier: Dossier, offsets: Offsets): Finding[] {
  const found: Finding[] = [];
  const say = (check: Check, detail: string): void => void found.push({ check, subject: dossier.id, detail });
  /** Only once the service has read these events. */
  const sayAfter = (check: Check, detail: string, consumer: string, ...types: string[]): void => {
    const fingerprint = `${dossier.events.length} ${dossier.row?.revision} ${dossier.reservation?.version} ${dossier.payment?.version}`;
    const open = consumer === 'payments' && hasOpenOperation(dossier.payment);
    found.push({
      check,
      subject: dossier.id,
      detail,
      consumer,
      read: hasRead(dossier.events, offsets.get(consumer), types),
      fingerprint,
      open,
    });
  };
  examineFold(dossier, (detail) => say('fold', detail));
  examineSequences(dossier, (detail) => say('sequences', detail));
  const order = dossier.row?.state;
  if (order) {
    examineStock(dossier, order, sayAfter);
    try {
      examineMoney(dossier, order, say, sayAfter);
    } catch (error) {
      say('money', (error as Error).message);
    }
    examineInvoice(dossier, order, say, sayAfter);
  }
  examineNotifications(dossier, (detail) => say('notifications', detail));
  return found;
}

type SayAfter = (check: Check, detail: string, consumer: string, ...types: string[]) => void;

function hasRead(
  events: readonly LogRow[],
  offset: { txid: number; position: number } | undefined,
  types: readonly string[],
): boolean | undefined {
  if (!offset) return undefined;
  const last = events.findLast((event) => types.includes(event.type));
  if (!last) return true;
  return last.txid < offset.txid || (last.txid === offset.txid && last.position <= offset.position);
}

function examineFold({ row, unreadable, events }: Dossier, say: (detail: string) => void): void {
  if (!row) return say(unreadable === undefined ? 'has no state' : `cannot be read: ${unreadable}`);
  const own = events.filter((event) => event.source === SOURCES.orders);
  let folded: Order | undefined;
  try {
    folded = fold(own);
  } catch (error) {
    return say(`its events do not fold: ${(error as Error).message}`);
  }
  if (!folded) return say('has no events');
  const differences = differencesOf(row.state!, folded);
  if (row.sequence !== own.length) differences.push(`version: stored ${row.sequence}, its events say ${own.length}`);
  const changedAt = own.at(-1)!.time;
  if (row.updatedAt !== changedAt)
    differences.push(`last change: stored ${row.updatedAt}, its events say ${changedAt}`);
  if (differences.length > 0) say(differences.join('; '));
}

const SHOWN_MAX = 120;

function differencesOf(stored: object, folded: object): string[] {
  const before = new Map(Object.entries(stored));
  const after = new Map(Object.entries(folded));
  const names = new Set([...before.keys(), ...after.keys()]);
  const shown = (text: string): string => (text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`);
  return [...names].flatMap((name) => {
    const [here, there] = [canonical(before.get(name)), canonical(after.get(name))];
    return here === there ? [] : [`${name}: stored ${shown(here)}, its events say ${shown(there)}`];
  });
}

/** JSON with sorted names, so that equal values are equal texts. */
function canonical(value: unknown): string {
  const sorted = (_: string, inner: unknown): unknown =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner;
  return JSON.stringify(value, sorted) ?? 'nothing';
}

function examineSequences({ events, sequences }: Dossier, say: (detail: string) => void): void {
  const last = new Map<string, number>();
  const places = new Map<string, number>();
  events.forEach((event, place) => places.set(event.id, place));
  for (const [place, event] of events.entries()) {
    const expected = (last.get(event.source) ?? 0) + 1;
    if (event.sequence !== expected)
      say(`${event.type} of ${event.source} has number ${event.sequence}, expected ${expected}`);
    last.set(event.source, event.sequence);
    if ((places.get(event.causationid) ?? -1) >= place) say(`${event.type} (${event.id}) precedes its cause`);
  }
  for (const [source, stored] of sequences) {
    const told = last.get(source) ?? 0;
    if (stored !== told) say(`${source} counts ${stored} events, the log has ${told}`);
  }
  for (const source of last.keys()) {
    // Billing has no row before its first document; the others have one as soon as they speak.
    if (!sequences.has(source) && (source === SOURCES.orders || source === SOURCES.billing))
      say(`${source} has told events and keeps no row`);
  }
}

function examineStock({ reservation }: Dossier, order: Order, sayAfter: SayAfter): void {
  if (!ENDED_WITHOUT_SALE.has(order.status) || !reservation) return;
  const pieces = reservation.allocations.reduce((sum, { quantity }) => sum + quantity, 0);
  if (pieces > 0)
    sayAfter(
      'ended-stock',
      `is ${order.status} and holds ${pieces} pieces`,
      'inventory',
      'OrderCancelled',
      'OrderPaymentFailed',
    );
}

function examineMoney(
  { payment }: Dossier,
  order: Order,
  say: (check: Check, detail: string) => void,
  sayAfter: SayAfter,
): void {
  const money = (minor: bigint): string => `${formatAmount(minor, order.currency)} ${order.currency}`;
  const total = amountMinor(order.totalAmount, order.currency);
  const { authorized, captured, voided, refunded } = payment
    ? moneyOf(payment)
    : { authorized: 0n, captured: 0n, voided: 0n, refunded: 0n };
  if (captured > authorized) say('money', `captured ${money(captured)} of ${money(authorized)} authorized`);
  if (captured + voided > authorized)
    say('money', `captured and voided ${money(captured + voided)} of ${money(authorized)} authorized`);
  if (refunded > captured) say('money', `refunded ${money(refunded)} of ${money(captured)} captured`);
  if (authorized > total) say('money', `authorized ${money(authorized)} for an order over ${money(total)}`);
  const charges =
    payment?.operations.filter(
      ({ kind, state }) => state === 'succeeded' && (kind === 'charge' || kind === 'authorize'),
    ).length ?? 0;
  if (charges > 1) say('one-charge', `was charged ${charges} times`);
  if (payment && payment.currency !== order.currency)
    say('money', `is paid in ${payment.currency}, ordered in ${order.currency}`);
  if (ENDED_WITHOUT_SALE.has(order.status)) {
    const held = authorized - captured - voided;
    if (captured !== refunded || held > 0n)
      sayAfter(
        'ended-money',
        `is ${order.status} and holds ${money(captured - refunded)} captured, ${money(held)} authorized`,
        'payments',
        'OrderCancelled',
      );
  }
  if (order.status === 'COMPLETED' && captured !== total) {
    sayAfter(
      'completed-paid',
      `is over ${money(total)}, captured are ${money(captured)}`,
      'payments',
      'OrderPaymentRequested',
      'OrderShipped',
    );
  }
  if (payment && amountMinor(order.refundedAmount, order.currency) !== refunded) {
    sayAfter(
      'refunds',
      `says ${order.refundedAmount} refunded, payments ${money(refunded)}`,
      'orders',
      'PaymentRefunded',
    );
  }
}

function examineInvoice(
  { invoice, events }: Dossier,
  order: Order,
  say: (check: Check, detail: string) => void,
  sayAfter: SayAfter,
): void {
  const completions = events.filter((event) => event.type === 'OrderCompleted').length;
  if (completions > 1) say('invoices', `was completed ${completions} times`);
  if (completions === 0 && invoice) say('invoices', `has invoice ${invoice.number} and was never completed`);
  if (completions > 0 && !invoice) sayAfter('invoices', 'is completed and has no invoice', 'billing', 'OrderCompleted');
  if (!invoice) return;
  const issued = events.filter((event) => event.type === 'InvoiceIssued').length;
  if (issued !== 1) say('invoices', `has ${issued} events about invoice ${invoice.number}`);
  if (
    invoice.currency !== order.currency ||
    amountMinor(invoice.total, order.currency) !== amountMinor(order.totalAmount, order.currency)
  ) {
    say(
      'invoices',
      `invoice ${invoice.number} is over ${invoice.total} ${invoice.currency}, the order over ${order.totalAmount} ${order.currency}`,
    );
  }
  // That the total was captured, and that the order knows what was refunded, are checks of their own.
  let credited = 0n;
  for (const { amount } of invoice.credit_notes) credited += amountMinor(amount, order.currency);
  if (credited !== amountMinor(order.refundedAmount, order.currency)) {
    sayAfter(
      'credit-notes',
      `has credit notes over ${formatAmount(credited, order.currency)} to invoice ${invoice.number}, refunded are ${order.refundedAmount} ${order.currency}`,
      'billing',
      'OrderCompleted',
      'OrderRefunded',
    );
  }
}

function examineNotifications({ notifications, events }: Dossier, say: (detail: string) => void): void {
  const known = new Set(events.map((event) => event.id));
  const told = new Set<string>();
  for (const { event_id: eventId, channel } of notifications) {
    const name = `event ${eventId} by ${channel}`;
    if (told.has(name)) say(`was told of ${name} twice`);
    told.add(name);
    if (!known.has(eventId)) say(`was told of ${name}, which is not in its log`);
  }
}

// --- the report ---

function textOf({ ok, orders, seconds, checks }: AuditReport): string {
  const rows = checks.map(({ examined, violations, moving, skipped, meaning }) => [
    skipped !== undefined ? 'SKIP' : violations > 0 ? 'FAIL' : 'ok',
    skipped === undefined ? examined : '',
    violations || '',
    moving || '',
    skipped === undefined ? meaning : `${meaning} (${skipped})`,
  ]);
  const parts = [table(['', 'examined', 'wrong', 'moving', `${orders} orders, ${seconds.toFixed(1)} s`], rows)];
  for (const { violations, examples, meaning } of checks) {
    if (violations === 0) continue;
    const lines = examples.map(({ subject, detail }) => `  ${subject} ${detail}`);
    parts.push(
      [
        `NOT TRUE: ${meaning}`,
        ...lines,
        ...(violations > examples.length ? [`  … and ${violations - examples.length} more`] : []),
      ].join('\n'),
    );
  }
  parts.push(ok ? 'Everything agrees.' : 'Something does not agree.');
  return parts.join('\n\n');
}
