import { setTimeout as sleep } from 'node:timers/promises';
import { uuidOfHex } from '#platform/runtime/uuid.ts';
import { formatAmount } from '#contracts/money.ts';
import { hasOpenOperation, type PaymentRow, paymentsAudit, type Totals, totalsOf } from '#payments/audit.ts';
import type { Database } from '#platform/database/database.ts';
import type { Places } from './places.ts';
import type { Tallies } from './tallies.ts';
import { isByHand, PAYMENT_PROVIDERS } from '#contracts/payment-providers.ts';

/**
 * Compares the sandbox provider's books with the payments. The books are read live, so a difference is read
 * once more; with an operation still open, it is what reconciliation is there for.
 */

const BOOKS_PAGE = 1_000;
/** More differences than this are not looked at again, but named as not settled. */
const SUSPECTS_MAX = 2_000;
/** Differences that are read once more together. Few, so that little can change between the two reads. */
const RECHECKED_TOGETHER = 50;
const RECHECK_MS = 300;
const PROVIDER_TIMEOUT_MS = 10_000;

/** A charge in the books of the provider. */
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

interface Suspect {
  readonly orderId: string;
  readonly chargeId: string | undefined;
}

class ProviderSilent extends Error {}

export async function auditBooks({ all, providerUrl }: Places, tallies: Tallies, patienceMs: number): Promise<void> {
  const database = all.find(({ services }) => services.some(({ name }) => name === 'payments'))?.database;
  if (!database || tallies.isSkipped('provider')) return;
  const others = await providersWithoutBooks(database);
  if (others.length > 0) return tallies.skip('provider', `the books of ${others.join(', ')} cannot be read here`);
  const suspects = new Map<string, Suspect>();
  const suspect = (orderId: string, chargeId: string | undefined, detail: string): void => {
    if (suspects.size < SUSPECTS_MAX) suspects.set(`${orderId} ${chargeId ?? ''}`, { orderId, chargeId });
    else tallies.moving('provider', orderId, detail);
  };
  let known = 0;
  let examined = 0;
  const held = heldCharges(database);
  let ours = await held.next();
  /** Both are in the order of the ids of charges: what is passed over is in no book. */
  const passTo = async (id: string | undefined): Promise<void> => {
    for (; !ours.done && (id === undefined || ours.value.charge < id); ours = await held.next())
      suspect(ours.value.orderId, undefined, `the provider does not know charge ${ours.value.charge}`);
    if (!ours.done && ours.value.charge === id) ours = await held.next();
  };
  try {
    for await (const charges of approvedCharges(providerUrl)) {
      const payments = await paymentsAudit.orders.read(
        database,
        charges.map((charge) => charge.reference),
      );
      for (const charge of charges) {
        await passTo(charge.id);
        const payment = payments.get(charge.reference);
        if (payment) known++;
        const difference = differenceOf(payment, charge);
        if (difference !== undefined) suspect(charge.reference, charge.id, difference);
      }
      examined += charges.length;
      tallies.examined('provider', charges.length);
      tallies.progress('charges', examined);
    }
    if (known === 0 && examined > 0)
      return tallies.skip('provider', `${providerUrl} keeps the books of another system`);
    await passTo(undefined);
  } catch (error) {
    if (!(error instanceof ProviderSilent)) throw error;
    return tallies.skip('provider', error.message);
  } finally {
    await held.return();
  }
  await recheck(database, tallies, providerUrl, [...suspects.values()], patienceMs);
}

/** The charges that payments hold, in the order of their ids: the server keeps the list, a page at a time comes here. */
async function* heldCharges(database: Database): AsyncGenerator<{ charge: string; orderId: string }, void> {
  await database.queryOnce(
    `declare held_charges no scroll cursor with hold for select charge_reference as charge, order_id as "orderId"
     from payments.payments where provider = 'sandbox' and charge_reference is not null and authorized > 0
     order by charge_reference collate "C"`,
  );
  try {
    for (;;) {
      const page = await database.queryOnce<{ charge: string; orderId: string }>(
        `fetch ${BOOKS_PAGE} from held_charges`,
      );
      if (page.length === 0) return;
      yield* page;
    }
  } finally {
    await database.queryOnce('close held_charges');
  }
}

/** Providers beside the sandbox that took money; what people received and recorded is in no provider's books. */
async function providersWithoutBooks(database: Database): Promise<string[]> {
  const rows = await database.query<{ provider: string }>(
    'select distinct provider from payments.payments where provider <> all($1::text[]) and authorized > 0 order by 1',
    [['sandbox', ...Object.keys(PAYMENT_PROVIDERS).filter(isByHand)]],
  );
  return rows.map(({ provider }) => provider);
}

async function* approvedCharges(providerUrl: string): AsyncGenerator<readonly Charge[]> {
  for (let after: string | null = ''; after !== null;) {
    const page: { items: Charge[]; next: string | null } = await ask(
      providerUrl,
      `/v1/books?limit=${BOOKS_PAGE}${after === '' ? '' : `&after=${after}`}`,
    );
    yield page.items.filter((charge) => charge.status === 'approved');
    after = page.next;
  }
}

async function recheck(
  database: Database,
  tallies: Tallies,
  providerUrl: string,
  suspects: readonly Suspect[],
  patienceMs: number,
): Promise<void> {
  if (suspects.length > 0) await sleep(Math.min(patienceMs, RECHECK_MS));
  for (let start = 0; start < suspects.length; start += RECHECKED_TOGETHER) {
    const batch = suspects.slice(start, start + RECHECKED_TOGETHER);
    const payments = await paymentsAudit.orders.read(
      database,
      batch.map(({ orderId }) => orderId),
    );
    await Promise.all(
      batch.map(async ({ orderId, chargeId }) => {
        const payment = payments.get(orderId);
        const detail = differenceOf(payment, await chargeOf(providerUrl, payment, chargeId));
        if (detail === undefined) return;
        if (hasOpenOperation(payment)) tallies.moving('provider', orderId, detail);
        else tallies.violation('provider', orderId, detail);
      }),
    );
  }
}

/** A charge as the books have it now: by its id, or by the key it was asked for under. */
async function chargeOf(
  providerUrl: string,
  payment: PaymentRow | undefined,
  chargeId: string | undefined,
): Promise<Charge | undefined> {
  if (chargeId !== undefined) {
    const page = await ask<{ items: Charge[] }>(providerUrl, `/v1/books?limit=1&after=${idBefore(chargeId)}`);
    return page.items.find((charge) => charge.id === chargeId);
  }
  for (const { kind, key } of payment?.operations ?? []) {
    if (kind !== 'charge' && kind !== 'authorize') continue;
    const charge = await ask<Charge | undefined>(providerUrl, `/v1/charges?key=${encodeURIComponent(key)}`);
    if (charge?.id === payment!.charge_reference) return charge;
  }
  return undefined;
}

/** The provider's answer; undefined where it knows no such thing. */
async function ask<Body>(providerUrl: string, path: string): Promise<Body> {
  try {
    const response = await fetch(`${providerUrl}${path}`, { signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS) });
    const body = (await response.json()) as Body;
    if (response.status === 404) return undefined as Body;
    if (response.ok) return body;
    throw new Error(`HTTP ${response.status}`);
  } catch (error) {
    throw new ProviderSilent(
      `no books at ${providerUrl} (${((error as Error).cause as { code?: string })?.code ?? (error as Error).message})`,
    );
  }
}

/** The greatest UUID below another. */
function idBefore(id: string): string {
  return uuidOfHex((BigInt(`0x${id.replaceAll('-', '')}`) - 1n).toString(16).padStart(32, '0'));
}

function differenceOf(payment: PaymentRow | undefined, charge: Charge | undefined): string | undefined {
  if (!charge) return payment ? `we hold charge ${payment.charge_reference}, the provider does not know it` : undefined;
  if (!payment) return `the provider holds charge ${charge.id} for an order that has no payment here`;
  if (payment.charge_reference !== charge.id)
    return `the provider holds charge ${charge.id} beside ours, ${payment.charge_reference ?? 'none'}`;
  if (charge.status !== 'approved') return `we hold charge ${charge.id}, for the provider it is ${charge.status}`;
  const [ours, theirs] = [totalsOf(payment), totalsOf(charge)];
  const different = (Object.keys(ours) as (keyof Totals)[]).filter((name) => ours[name] !== theirs[name]);
  if (different.length === 0) return undefined;
  const texts = different.map(
    (name) =>
      `${name} ${formatAmount(ours[name], payment.currency)} here, ${formatAmount(theirs[name], charge.currency)} there`,
  );
  return `charge ${charge.id}: ${texts.join('; ')}`;
}
