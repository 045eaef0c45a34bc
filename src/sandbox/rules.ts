import { amountMinor, formatAmount, parseAmount } from '#contracts/money.ts';

/**
 * How the sandbox provider behaves: what a token leads to, and which captures, voids and refunds it accepts.
 */

export interface ChargeRequest {
  readonly key: string;
  readonly amount: string;
  readonly currency: string;
  readonly token: string;
  readonly capture: boolean;
  readonly reference: string;
}

export interface Charge extends ChargeRequest {
  readonly id: string;
  readonly version: number;
  readonly status: 'approved' | 'declined' | 'pending';
  readonly reason: string | null;
  readonly authorized: string;
  readonly captured: string;
  readonly voided: string;
  readonly refunded: string;
  readonly wakeAt: number | null;
  readonly webhookAttempts: number;
}

export type ChangeKind = 'capture' | 'void' | 'refund';

export interface ChangeRequest {
  readonly key: string;
  readonly chargeId: string;
  readonly kind: ChangeKind;
  /** Undefined: all that is left. */
  readonly amount: string | undefined;
}

export interface StoredChange {
  readonly key: string;
  readonly chargeId: string;
  readonly kind: ChangeKind;
  readonly amount: string;
  /** Why it was refused; null where it was carried out. */
  readonly reason: string | null;
}

/** What a test card does. `reply`: how the answer to the first call is handled; the charge is on the books before. */
interface Script {
  readonly status: Charge['status'];
  readonly reason?: string;
  readonly reply?: 'late' | 'lost';
  /** What the customer has to act on first, as with 3-D Secure. */
  readonly action?: 'client_secret' | 'redirect';
  /** Answers 503 this often per key before anything happens. */
  readonly failures?: number;
}

const SCRIPTS: Readonly<Record<string, Script>> = {
  tok_approve: { status: 'approved' },
  tok_decline: { status: 'declined', reason: 'card_declined' },
  tok_timeout: { status: 'approved', reply: 'late' },
  tok_lost_reply: { status: 'approved', reply: 'lost' },
  tok_flaky: { status: 'approved', failures: 2 },
  tok_pending: { status: 'pending' },
  tok_3ds: { status: 'pending', action: 'client_secret' },
  tok_3ds_redirect: { status: 'pending', action: 'redirect' },
};
const INVALID_TOKEN: Script = { status: 'declined', reason: 'invalid_token' };

export function scriptOf(token: string): Script {
  return Object.hasOwn(SCRIPTS, token) ? SCRIPTS[token]! : INVALID_TOKEN;
}

/** The charge as the token's script makes it. */
export function newCharge(request: ChargeRequest, id: string, nowMs: number, pendingMs: number): Charge {
  const { status, reason, action } = scriptOf(request.token);
  const zero = formatAmount(0n, request.currency);
  const undecided: Charge = {
    ...request,
    amount: formatAmount(amountMinor(request.amount, request.currency), request.currency),
    id,
    version: 1,
    status,
    reason: reason ?? null,
    authorized: zero,
    captured: zero,
    voided: zero,
    refunded: zero,
    wakeAt: status === 'pending' && !action ? nowMs + pendingMs : null,
    webhookAttempts: 0,
  };
  return status === 'approved' ? approved(undecided) : undecided;
}

/** A charge whose money is put aside, and taken where that was asked for. */
export function approved(charge: Charge): Charge {
  return {
    ...charge,
    status: 'approved',
    authorized: charge.amount,
    captured: charge.capture ? charge.amount : charge.captured,
  };
}

/** What is awaited of the customer of a charge; undefined where nothing is. */
export function awaitedAction({ status, token }: Charge): 'client_secret' | 'redirect' | undefined {
  return status === 'pending' ? scriptOf(token).action : undefined;
}

/** How the customer's part ends: they prove who they are, or fail to, or the shop gives the charge up. */
export type ActionOutcome = 'succeeded' | 'failed' | 'canceled';

/** A charge after that, as far as it waits for it. Its webhook is due, unless the shop itself gave it up. */
export function acted(charge: Charge, outcome: ActionOutcome, nowMs: number): Charge {
  if (!awaitedAction(charge)) return charge;
  const decided: Charge =
    outcome === 'succeeded'
      ? approved(charge)
      : { ...charge, status: 'declined', reason: outcome === 'failed' ? 'authentication_failed' : 'canceled' };
  return { ...decided, version: charge.version + 1, wakeAt: outcome === 'canceled' ? null : nowMs };
}

export function sameCharge(a: ChargeRequest, b: ChargeRequest): boolean {
  return (
    a.reference === b.reference &&
    a.token === b.token &&
    a.capture === b.capture &&
    a.currency === b.currency &&
    parseAmount(a.amount, a.currency) === parseAmount(b.amount, b.currency)
  );
}

/** Whether a repeated key asks for what it asked for before. */
export function sameChange(stored: StoredChange, request: ChangeRequest, currency: string): boolean {
  if (stored.kind !== request.kind || stored.chargeId !== request.chargeId) return false;
  return request.amount === undefined || parseAmount(request.amount, currency) === parseAmount(stored.amount, currency);
}

/** Carries out a capture, void or refund, or refuses with the reason. captured ≤ authorized and refunded ≤ captured always hold. */
export function changed(charge: Charge, request: ChangeRequest): { charge: Charge; change: StoredChange } {
  const { currency } = charge;
  const minor = (text: string): bigint => amountMinor(text, currency);
  const captured = minor(charge.captured);
  const uncaptured = minor(charge.authorized) - captured - minor(charge.voided);
  const left = request.kind === 'refund' ? captured - minor(charge.refunded) : uncaptured;
  const amount = request.amount === undefined ? left : parseAmount(request.amount, currency);
  const refused = (reason: string): { charge: Charge; change: StoredChange } => ({
    charge,
    change: {
      key: request.key,
      chargeId: charge.id,
      kind: request.kind,
      amount: formatAmount(amount ?? 0n, currency),
      reason,
    },
  });
  if (charge.status !== 'approved') return refused('charge_not_approved');
  if (amount === undefined || amount <= 0n)
    return refused(request.amount === undefined ? 'nothing_left' : 'invalid_amount');
  if (amount > left)
    return refused(request.kind === 'refund' ? 'refund_exceeds_captured' : `${request.kind}_exceeds_authorized`);
  const field = ({ capture: 'captured', void: 'voided', refund: 'refunded' } as const)[request.kind];
  const after: Charge = {
    ...charge,
    version: charge.version + 1,
    [field]: formatAmount(minor(charge[field]) + amount, currency),
  };
  return {
    charge: after,
    change: {
      key: request.key,
      chargeId: charge.id,
      kind: request.kind,
      amount: formatAmount(amount, currency),
      reason: null,
    },
  };
}
