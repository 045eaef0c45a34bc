import { amountMinor, formatAmount } from '#contracts/money.ts';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { type Columns, insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { Charge, StoredChange } from './rules.ts';

/** All SQL of the sandbox provider. */

const CHARGES = 'sandbox.charges';
const COLUMNS: Columns = {
  id: 'uuid',
  version: 'integer',
  key: 'text',
  reference: 'text',
  token: 'text',
  currency: 'text',
  amount: 'numeric',
  capture: 'boolean',
  status: 'text',
  reason: 'text',
  authorized: 'numeric',
  captured: 'numeric',
  voided: 'numeric',
  refunded: 'numeric',
  wake_at: 'timestamptz',
  webhook_attempts: 'integer',
};
const CHANGING: Columns = {
  id: 'uuid',
  version: 'integer',
  status: 'text',
  reason: 'text',
  authorized: 'numeric',
  captured: 'numeric',
  voided: 'numeric',
  refunded: 'numeric',
  wake_at: 'timestamptz',
  webhook_attempts: 'integer',
};
const SELECT = `select ${Object.keys(COLUMNS).join(', ')} from ${CHARGES}`;
const SELECT_CHANGES = 'select key, charge_id, kind, amount, reason from sandbox.operations';

interface ChargeRow extends Record<string, unknown> {
  id: string;
  version: number;
  key: string;
  reference: string;
  token: string;
  currency: string;
  amount: string;
  capture: boolean;
  status: Charge['status'];
  reason: string | null;
  authorized: string;
  captured: string;
  voided: string;
  refunded: string;
  wake_at: Date | null;
  webhook_attempts: number;
}

function toCharge(row: ChargeRow): Charge {
  const money = (text: string): string => formatAmount(amountMinor(text, row.currency), row.currency);
  const { wake_at, webhook_attempts, ...same } = row;
  return {
    ...same,
    amount: money(row.amount),
    authorized: money(row.authorized),
    captured: money(row.captured),
    voided: money(row.voided),
    refunded: money(row.refunded),
    wakeAt: wake_at === null ? null : wake_at.getTime(),
    webhookAttempts: webhook_attempts,
  };
}

function fromCharge({ wakeAt, webhookAttempts, ...same }: Charge): Record<string, unknown> {
  return { ...same, wake_at: wakeAt === null ? null : isoTime(wakeAt), webhook_attempts: webhookAttempts };
}

/** Puts new charges on the books and returns the ids of those it took; a key that is there already is left as it is. */
export async function insertCharges(database: Database, charges: readonly Charge[]): Promise<Set<string>> {
  const { sql, params } = insertRows('charges', CHARGES, COLUMNS, charges.map(fromCharge), {
    onConflict: '(key) do nothing',
  });
  const rows = await database.query<{ id: string }>(`${sql} returning id`, [...params]);
  return new Set(rows.map(({ id }) => id));
}

export async function chargesByKeys(database: Database, keys: readonly string[]): Promise<Charge[]> {
  return (await database.query<ChargeRow>(`${SELECT} where key = any($1::text[])`, [keys])).map(toCharge);
}

export async function chargesByIds(database: Database, ids: readonly string[]): Promise<Charge[]> {
  return (await database.query<ChargeRow>(`${SELECT} where id = any($1::uuid[])`, [ids])).map(toCharge);
}

/** Charges created after an id, oldest first. */
export async function chargesAfter(database: Database, after: string, limit: number): Promise<Charge[]> {
  return (await database.query<ChargeRow>(`${SELECT} where id > $1 order by id limit $2`, [after, limit])).map(
    toCharge,
  );
}

/** Charges whose decision or webhook is due. */
export async function chargesToWake(database: Database, nowMs: number, limit: number): Promise<Charge[]> {
  return (
    await database.query<ChargeRow>(`${SELECT} where wake_at <= $1 order by wake_at limit $2`, [isoTime(nowMs), limit])
  ).map(toCharge);
}

export async function changesByKeys(database: Database, keys: readonly string[]): Promise<StoredChange[]> {
  const rows = await database.query<{
    key: string;
    charge_id: string;
    kind: StoredChange['kind'];
    amount: string;
    reason: string | null;
  }>(`${SELECT_CHANGES} where key = any($1::text[])`, [keys]);
  return rows.map(({ charge_id, ...same }) => ({ ...same, chargeId: charge_id }));
}

/** Saves changed charges over the version before, with the operations that changed them. */
export async function saveChanges(
  database: Database,
  charges: readonly Charge[],
  changes: readonly StoredChange[],
): Promise<void> {
  const writes: Write[] = [];
  if (charges.length > 0)
    writes.push(updateRows('charges', CHARGES, ['id'], CHANGING, charges.map(fromCharge), { revision: 'version' }));
  if (changes.length > 0) {
    const rows = changes.map(({ chargeId, ...same }) => ({ ...same, charge_id: chargeId }));
    writes.push(
      insertRows(
        'operations',
        'sandbox.operations',
        { key: 'text', charge_id: 'uuid', kind: 'text', amount: 'numeric', reason: 'text' },
        rows,
      ),
    );
  }
  await database.write(writes);
}
