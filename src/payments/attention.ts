import { isByHand, MANUAL } from '#contracts/payment-providers.ts';
import type { Payment } from './rules/model.ts';
import { isOpen, isReturned } from './rules/operation.ts';
import { received } from './rules/receipts.ts';

/** Why people look at a payment. Stored with it, so the words stay. */

export const ATTENTION = {
  record: 'Somebody records what they received, gave back, or did about money that came back',
  dispute: 'Its customer disputes it with their bank, and the shop may answer',
  at_provider: 'Money was moved at the provider, and nobody here asked',
} as const;
type Attention = keyof typeof ATTENTION;

/** What of {@link ATTENTION} holds for a payment, as words with a space between; null for nearly all. */
export function attentionOf(payment: Payment): string | null {
  const { operations, disputes, provider } = payment;
  const found: Attention[] = [];
  const byHand = isByHand(provider);
  if (
    operations.some((operation) => (byHand && isOpen(operation)) || isReturned(operation)) ||
    (provider === MANUAL && received(payment).overpaid > 0n)
  )
    found.push('record');
  if (disputes?.some(({ status }) => status === 'open')) found.push('dispute');
  if (operations.some(({ atProvider }) => atProvider)) found.push('at_provider');
  return found.length > 0 ? found.join(' ') : null;
}
