import { EVENT_MAX_BYTES } from '#contracts/envelope.ts';
import { isRefusal } from '#contracts/errors.ts';
import { parseAmount } from '#contracts/money.ts';
import type { Peers } from '#contracts/peers.ts';
import type { Database } from '#platform/database/database.ts';
import { Problem } from '#platform/http/problems.ts';
import { type MayRepeat, referenceHolders, referenceKey, referenceTaken } from '#orders/references.ts';
import { piecesToClaim } from '#orders/rules/claims.ts';
import type { OrderCommand } from '#orders/rules/commands.ts';
import { receiptOf } from '#orders/rules/receipts.ts';
import { loadOne } from './answers.ts';

/** What is checked of a command before it reaches its order: what other orders, and other services, know. */

export interface CheckedBy {
  readonly database: Database;
  readonly peers: Pick<Peers, 'checkArrival' | 'lookupProducts'>;
  readonly mayRepeat: MayRepeat;
}

/** Throws the {@link Problem} that a command to this order is refused with; what the order itself refuses is left to it. */
export async function checkCommand(command: OrderCommand, id: string, by: CheckedBy): Promise<void> {
  switch (command.type) {
    case 'requestRefund':
      return checkAmounts(by.database, id, command);
    case 'receiveReturn':
      return checkArrival(by, id, command);
    case 'openClaim':
      return checkReshipment(by, id, command);
    case 'amend':
      await checkReference(by, id, command);
      return assertFits(command);
    default:
      return;
  }
}

type Of<Type extends OrderCommand['type']> = Extract<OrderCommand, { type: Type }>;

/** The currency is only known with the order, so the scale of an amount is checked there. */
async function checkAmounts(database: Database, id: string, command: Of<'requestRefund'>): Promise<void> {
  const named = [
    { pointer: '/amount', amount: command.amount },
    ...(command.lines ?? []).map(({ amount }, index) => ({ pointer: `/lines/${index}/amount`, amount })),
  ];
  if (named.every(({ amount }) => amount === undefined)) return;
  const { currency } = (await loadOne(database, id)).state!;
  for (const { pointer, amount } of named) {
    const minor = amount === undefined ? 1n : parseAmount(amount, currency);
    if (minor === undefined || minor <= 0n)
      throw new Problem('AMOUNT_INVALID', `"${amount}" is not a positive amount in ${currency}.`, {
        errors: [{ pointer, detail: 'is not a positive amount' }],
      });
  }
}

/** Goods are only received where inventory can take them in: once the receipt is accepted, they are there. */
async function checkArrival({ database, peers }: CheckedBy, id: string, command: Of<'receiveReturn'>): Promise<void> {
  const { state } = await loadOne(database, id);
  const receipt = receiptOf(state!, command);
  // What is refused there is refused by the order, with all that it says.
  if (isRefusal(receipt)) return;
  const places = Map.groupBy(receipt.shelved, ({ location }) => location);
  if (command.location !== undefined && !places.has(command.location)) places.set(command.location, []);
  const arrivals = [...places].map(([location, items]) => peers.checkArrival({ location, items }));
  const refusal = (await Promise.all(arrivals))
    .map((answer) => answer.refusal)
    .find((refused) => refused !== undefined);
  if (refusal)
    throw new Problem(refusal.refused, refusal.detail, {
      errors: [
        refusal.refused === 'UNKNOWN_SKU'
          ? { pointer: '/items', detail: 'are no product here' }
          : { pointer: '/location', detail: 'cannot take the goods in' },
      ],
    });
}

/** What is to be sent again must be a product here: an order that ended in another system may name others. */
async function checkReshipment({ database, peers }: CheckedBy, id: string, command: Of<'openClaim'>): Promise<void> {
  if (command.resolution !== 'reship') return;
  const { state } = await loadOne(database, id);
  const pieces = piecesToClaim(state!, command);
  if (isRefusal(pieces)) return;
  const skus = [...new Set(pieces.map(({ sku }) => sku))];
  const known = new Set((await peers.lookupProducts({ skus, productIds: [] })).map(({ sku }) => sku));
  const unknown = skus.find((sku) => !known.has(sku));
  if (unknown !== undefined)
    throw new Problem(
      'UNKNOWN_SKU',
      `There is no product ${unknown} that could be sent again; create it with PUT /products/${unknown} first, or refund it.`,
      { errors: [{ pointer: '/resolution', detail: 'needs products that exist' }] },
    );
}

/** A reference that another order holds is refused with that order; the save would only say that somebody was faster. */
async function checkReference({ database, mayRepeat }: CheckedBy, id: string, command: Of<'amend'>): Promise<void> {
  if (typeof command.changes.reference !== 'string') return;
  const { channel } = (await loadOne(database, id)).state!;
  const claim = { channel, reference: command.changes.reference };
  const holder = mayRepeat(channel) ? undefined : (await referenceHolders(database, [claim])).get(referenceKey(claim));
  if (holder !== undefined && holder !== id)
    throw new Problem('REFERENCE_TAKEN', referenceTaken(claim, holder), { members: { orderId: holder } });
}

/** An amendment must fit into an event that every broker takes. */
function assertFits(command: Of<'amend'>): void {
  const bytes = Buffer.byteLength(JSON.stringify(command.changes));
  if (bytes > EVENT_MAX_BYTES)
    throw new Problem('PAYLOAD_TOO_LARGE', `The changes take ${bytes} bytes, of at most ${EVENT_MAX_BYTES}.`);
}
