import { formatAmount } from '#contracts/money.ts';
import { minorOf } from './paypal-amounts.ts';
import { type Body, type Calls, PaypalRefusal } from './paypal-client.ts';
import type { ProviderBooks } from '../rules/operation.ts';

/** The disputes of a payment at PayPal, by the captures that customers dispute. */

type Dispute = ProviderBooks['disputes'][number];

/** Disputes of one capture that are asked for. */
const DISPUTES_MAX = 50;
/** The stage in which customer and shop talk to each other, and no money moves. */
const INQUIRY = 'INQUIRY';
/** Outcomes by which the money goes back to the customer, and the shop pays for it. */
const LOST: ReadonlySet<unknown> = new Set(['RESOLVED_BUYER_FAVOUR', 'ACCEPTED']);

interface PaypalDispute {
  readonly dispute_id: string;
  readonly status: string;
  readonly reason?: string;
  readonly dispute_life_cycle_stage?: string;
  readonly dispute_amount?: { readonly value: string };
  readonly dispute_outcome?: { readonly outcome_code?: string };
  readonly seller_response_due_date?: string;
}

/** The disputes about these captures; none where the app may not read disputes. */
export async function disputesOf(calls: Calls, captures: readonly string[], currency: string): Promise<Dispute[]> {
  const found = await Promise.all(captures.map((capture) => disputesOfCapture(calls, capture)));
  return found.flat().flatMap((dispute) => disputeOf(dispute, currency) ?? []);
}

async function disputesOfCapture(calls: Calls, capture: string): Promise<readonly PaypalDispute[]> {
  const query = `disputed_transaction_id=${encodeURIComponent(capture)}&page_size=${DISPUTES_MAX}`;
  const list = await optional(calls.get(`/v1/customer/disputes?${query}`));
  const items = (list['items'] ?? []) as PaypalDispute[];
  // How a dispute ended is said of it alone.
  return Promise.all(
    items.map(async (dispute) =>
      dispute.status === 'RESOLVED'
        ? { ...dispute, ...((await optional(calls.get(pathOf(dispute)))) as unknown as Partial<PaypalDispute>) }
        : dispute,
    ),
  );
}

const pathOf = ({ dispute_id: id }: PaypalDispute): string => `/v1/customer/disputes/${encodeURIComponent(id)}`;

/** Nothing, where the app has not been given the right to ask, or there is none. */
function optional(answer: Promise<Body>): Promise<Body> {
  return answer.catch((error: unknown) => {
    if (error instanceof PaypalRefusal && (error.status === 403 || error.status === 404)) return {};
    throw error;
  });
}

function disputeOf(dispute: PaypalDispute, currency: string): Dispute | undefined {
  const { dispute_id: id, status, reason = 'OTHER', dispute_outcome: outcome, dispute_amount: amount } = dispute;
  if (dispute.dispute_life_cycle_stage === INQUIRY || amount === undefined) return undefined;
  const { seller_response_due_date: dueAt } = dispute;
  return {
    id,
    amount: formatAmount(minorOf({ amount: amount.value, currency }), currency),
    reason: reason.toLowerCase(),
    status: status !== 'RESOLVED' ? 'open' : LOST.has(outcome?.outcome_code) ? 'lost' : 'won',
    ...(dueAt !== undefined && { dueAt }),
  };
}
