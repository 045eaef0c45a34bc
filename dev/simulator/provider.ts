import { amountMinor } from '#contracts/money.ts';
import type { OperationKind, ProviderResult } from '#payments/rules/operation.ts';
import type { PaymentEffect } from '#payments/rules/model.ts';
import { fail } from './log.ts';

/**
 * A payment provider with books of its own. It acts on each key once, whatever happens to the replies, and
 * knows nothing of our services but what their calls say.
 */

export interface Charge {
  readonly id: string;
  readonly key: string;
  readonly orderId: string;
  readonly amount: bigint;
  readonly capture: boolean;
  status: 'approved' | 'declined' | 'pending';
  authorized: bigint;
  captured: bigint;
  voided: bigint;
  refunded: bigint;
}

interface Change {
  readonly id: string;
  readonly refused?: string;
}

export interface ProviderBehaviour {
  /** Refuses this capture, void or refund, for no fault of ours. */
  refuses(kind: OperationKind): boolean;
}

export class ProviderBooks {
  readonly charges = new Map<string, Charge>();
  readonly #changes = new Map<string, Change>();
  readonly #behaviour: ProviderBehaviour;

  constructor(behaviour: ProviderBehaviour) {
    this.#behaviour = behaviour;
  }

  knows(key: string): boolean {
    return this.charges.has(key) || this.#changes.has(key);
  }

  act({ operation, orderId, currency, token, chargeReference }: PaymentEffect): ProviderResult {
    const { kind, key } = operation;
    const amount = amountMinor(operation.amount, currency);
    if (kind === 'charge' || kind === 'authorize') {
      let charge = this.charges.get(key);
      if (!charge) {
        const status = token === 'tok_decline' ? 'declined' : token.startsWith('tok_pending') ? 'pending' : 'approved';
        charge = {
          id: `ch_${key}`,
          key,
          orderId,
          amount,
          capture: kind === 'charge',
          status,
          authorized: 0n,
          captured: 0n,
          voided: 0n,
          refunded: 0n,
        };
        this.charges.set(key, charge);
        if (status === 'approved') this.#approve(charge);
      }
      if (charge.amount !== amount || charge.orderId !== orderId)
        fail(`the key ${key} was used for two different charges`);
      return tellingOf(charge);
    }
    let change = this.#changes.get(key);
    if (!change) this.#changes.set(key, (change = this.#change(kind, key, amount, chargeReference)));
    return change.refused === undefined
      ? { type: 'approved', reference: change.id }
      : { type: 'declined', reason: change.refused };
  }

  #approve(charge: Charge): void {
    for (const other of this.charges.values()) {
      if (other !== charge && other.orderId === charge.orderId && other.status === 'approved')
        fail(`order ${charge.orderId} is charged twice`);
    }
    charge.status = 'approved';
    charge.authorized = charge.amount;
    if (charge.capture) charge.captured = charge.amount;
  }

  #change(kind: 'capture' | 'void' | 'refund', key: string, amount: bigint, reference: string | undefined): Change {
    const id = `${kind}_${key}`;
    const charge = [...this.charges.values()].find((candidate) => candidate.id === reference);
    if (charge?.status !== 'approved') fail(`a ${kind} of a charge that was not approved`);
    const left =
      kind === 'refund' ? charge.captured - charge.refunded : charge.authorized - charge.captured - charge.voided;
    if (amount > left) fail(`a ${kind} of ${amount} where ${left} is left`);
    if (this.#behaviour.refuses(kind)) return { id, refused: 'try_later' };
    if (kind === 'capture') charge.captured += amount;
    else if (kind === 'void') charge.voided += amount;
    else charge.refunded += amount;
    return { id };
  }

  find(key: string): ProviderResult {
    const charge = this.charges.get(key);
    if (charge) return tellingOf(charge);
    const change = this.#changes.get(key);
    if (!change) return { type: 'not_found' };
    return change.refused === undefined
      ? { type: 'approved', reference: change.id }
      : { type: 'declined', reason: change.refused };
  }

  /** Decides a pending charge. */
  decide(charge: Charge, approves: boolean): void {
    if (charge.status !== 'pending') return;
    if (approves) this.#approve(charge);
    else charge.status = 'declined';
  }
}

export function tellingOf(charge: Charge): ProviderResult {
  if (charge.status === 'declined') return { type: 'declined', reason: 'card_declined' };
  return { type: charge.status, reference: charge.id };
}
