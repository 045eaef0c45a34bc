import { TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Payment } from '#client';
import { api } from '../api.ts';
import { Act, type Once } from '../parts/act.tsx';
import { useMoney } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import { isOpen, type Operation } from './payment.tsx';

/** What people record about money that no provider reports. */

export type Outcome = 'done' | 'refused' | 'retry';
export type Recorded =
  | { readonly what: 'receive' | 'giveBack' }
  | { readonly what: 'operation'; readonly operation: Operation; readonly outcome: Outcome };

const BY_HAND: ReadonlySet<string> = new Set(['manual', 'external']);

/** What can be recorded of a payment. */
export function recordableOf(payment: Payment): {
  readonly byHand: boolean;
  readonly receive: boolean;
  readonly overpaid: boolean;
  readonly of: (operation: Operation) => readonly Outcome[];
} {
  const byHand = BY_HAND.has(payment.provider);
  return {
    byHand,
    receive: payment.provider === 'manual',
    overpaid: payment.overpaid !== undefined && /[1-9]/.test(payment.overpaid),
    of(operation) {
      if (!isOpen(operation)) return [];
      if (operation.returned) return ['retry', 'done'];
      if (!byHand || (payment.provider === 'manual' && operation.kind !== 'refund')) return [];
      return operation.refundId === undefined ? ['done'] : ['done', 'refused'];
    },
  };
}

const today = (): string => new Date().toISOString().slice(0, 10);

export function RecordDialog({
  payment,
  recorded,
  done,
  onClose,
}: {
  readonly payment: Payment;
  readonly recorded: Recorded;
  readonly done: () => void;
  readonly onClose: () => void;
}): ReactNode {
  const { payments } = useText();
  const money = useMoney();
  const { what } = recorded;
  const moves = what !== 'operation';
  const proposed = what === 'receive' ? payment.due : payment.overpaid;
  const [amount, setAmount] = useState(proposed !== undefined && /[1-9]/.test(proposed) ? proposed : '');
  const [date, setDate] = useState(today);
  const [reference, setReference] = useState('');
  const [reason, setReason] = useState('');
  const known = /^\d+(\.\d+)?$/.test(amount) ? money(amount, payment.currency) : amount;
  const outcome = moves ? undefined : recorded.outcome;
  const about = moves ? '' : money(recorded.operation.amount, payment.currency);
  const titles = { receive: payments.record, giveBack: payments.giveBack } as const;
  const effects = {
    receive: payments.willReceive(known),
    giveBack: payments.willGiveBack(known),
  } as const;
  return (
    <Act
      title={moves ? titles[what] : payments.outcomes[recorded.outcome]}
      effects={[moves ? effects[what] : payments.willRecord[recorded.outcome](about)]}
      danger={what === 'giveBack' || outcome === 'refused' || outcome === 'retry'}
      ready={!moves || (/^\d+(\.\d+)?$/.test(amount) && date !== '')}
      perform={(once) => perform(payment, recorded, { amount, date, reference, reason }, once)}
      done={done}
      onClose={onClose}
    >
      {moves && (
        <>
          <TextInput
            label={payments.amount}
            required
            inputMode="decimal"
            value={amount}
            rightSection={payment.currency}
            rightSectionWidth={56}
            data-autofocus
            onChange={(event) => setAmount(event.currentTarget.value.replace(',', '.'))}
          />
          <TextInput
            label={what === 'receive' ? payments.receivedOn : payments.givenBackOn}
            required
            type="date"
            value={date}
            max={today()}
            onChange={(event) => setDate(event.currentTarget.value)}
          />
        </>
      )}
      {outcome !== 'refused' && outcome !== 'retry' && (
        <TextInput
          label={payments.ownReference}
          value={reference}
          maxLength={100}
          onChange={(event) => setReference(event.currentTarget.value)}
        />
      )}
      {outcome === 'refused' && (
        <TextInput
          label={payments.reason}
          value={reason}
          maxLength={500}
          data-autofocus
          onChange={(event) => setReason(event.currentTarget.value)}
        />
      )}
    </Act>
  );
}

interface Given {
  readonly amount: string;
  readonly date: string;
  readonly reference: string;
  readonly reason: string;
}

function perform(
  { orderId }: Payment,
  recorded: Recorded,
  { amount, date, reference, reason }: Given,
  once: Once,
): Promise<unknown> {
  const named = reference.trim() !== '' && { reference: reference.trim() };
  if (recorded.what === 'operation')
    return api.recordPaymentOperation(
      { orderId, operationId: recorded.operation.id },
      { outcome: recorded.outcome, ...named, ...(reason.trim() !== '' && { reason: reason.trim() }) },
      once,
    );
  const receipt = { amount, date, ...named };
  return recorded.what === 'receive'
    ? api.recordPayment({ orderId }, receipt, once)
    : api.giveBackOverpayment({ orderId }, receipt, once);
}
