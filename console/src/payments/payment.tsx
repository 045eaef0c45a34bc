import { Alert, Badge, Button, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import type { Payment } from '#client';
import { api } from '../api.ts';
import type { BesideContext } from '../list/beside.tsx';
import { Fact, Facts } from '../parts/facts.tsx';
import { OrderLink } from '../parts/order-name.tsx';
import { Empty, Failed, Loading, PaymentBadge, useMoney, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { RecordDialog, type Recorded, recordableOf } from './record.tsx';

/** One payment: what was asked of the provider, in its own words what became of it, and what a person can do about it. */

export type Operation = Payment['operations'][number];

export function isOpen({ state }: Operation): boolean {
  return state !== 'succeeded' && state !== 'failed';
}

/** While an outcome is awaited, it is looked for so often. */
const WATCHED_MS = 4_000;
const TONES: Readonly<Record<Operation['state'], string>> = {
  pending: 'orange',
  in_doubt: 'red',
  awaiting_provider: 'orange',
  succeeded: 'green',
  failed: 'red',
};

export function PaymentDetail({ id, replace }: BesideContext<Payment>): ReactNode {
  const { payments } = useText();
  const found = useQuery({
    queryKey: ['order', id, 'payment'],
    queryFn: async () => (await api.listPayments({ orderId: [id] })).items[0] ?? null,
    refetchInterval: ({ state }) => (state.data?.operations.some(isOpen) ? WATCHED_MS : false),
  });
  useEffect(() => {
    if (found.data) replace(found.data);
  }, [found.data]);
  if (found.isPending) return <Loading rows={8} />;
  if (found.error) return <Failed error={found.error} retry={() => void found.refetch()} />;
  if (found.data === null) return <Empty title={payments.notFound} help={id} />;
  return <Shown payment={found.data} again={() => void found.refetch()} />;
}

function Shown({ payment, again }: { readonly payment: Payment; readonly again: () => void }): ReactNode {
  const { payments } = useText();
  const money = useMoney();
  const [recorded, setRecorded] = useState<Recorded>();
  const text = (amount: string): string => money(amount, payment.currency);
  return (
    <div className="stack">
      <header className="bar">
        <h2 className="beside-title">
          <OrderLink id={payment.orderId} />
        </h2>
        <span className="big">{text(payment.amount)}</span>
        <PaymentBadge status={payment.status} />
        <Text size="sm" className="dim">
          {payment.provider}
        </Text>
      </header>
      <What payment={payment} again={again} record={setRecorded} />
      <section className="card">
        <h3>{payments.amounts}</h3>
        <Facts>
          <Fact name={payments.asked}>{text(payment.amount)}</Fact>
          <Fact name={payments.captured}>{text(payment.captured)}</Fact>
          {/* What is nothing is left out. */}
          {(
            [
              [payments.authorized, payment.authorized === payment.captured ? undefined : payment.authorized],
              [payments.refunded, payment.refunded],
              [payments.voided, payment.voided],
              [payments.receivedAmount, payment.received],
              [payments.due, payment.due],
              [payments.overpaid, payment.overpaid],
            ] as const
          ).map(
            ([name, amount]) =>
              amount !== undefined &&
              /[1-9]/.test(amount) && (
                <Fact key={name} name={name}>
                  {text(amount)}
                </Fact>
              ),
          )}
        </Facts>
      </section>
      <Disputes payment={payment} />
      <section className="card">
        <h3>{payments.operations}</h3>
        {payment.operations.length === 0 ? (
          <Text size="sm" className="dim">
            {payments.noOperations}
          </Text>
        ) : (
          payment.operations.map((operation) => (
            <OperationCard key={operation.id} operation={operation} payment={payment} record={setRecorded} />
          ))
        )}
      </section>
      <Receipts payment={payment} />
      {recorded && (
        <RecordDialog payment={payment} recorded={recorded} done={again} onClose={() => setRecorded(undefined)} />
      )}
    </div>
  );
}

/** In words, what it waits for, with what can be done. */
function What({
  payment,
  again,
  record,
}: {
  readonly payment: Payment;
  readonly again: () => void;
  readonly record: (recorded: Recorded) => void;
}): ReactNode {
  const { payments } = useText();
  const may = useMay();
  const { provider, operations } = payment;
  const recordable = recordableOf(payment);
  const asked = useMutation({
    mutationFn: async () => await api.refreshPayment({ orderId: payment.orderId }),
    onSuccess: again,
  });
  const doubtful = operations.some(({ state }) => state === 'in_doubt');
  const returned = operations.some((operation) => operation.returned === true && isOpen(operation));
  const waits = operations.some((operation) => isOpen(operation) && !operation.returned);
  const sentences = [
    doubtful && payments.isInDoubt,
    returned && payments.isReturned,
    !doubtful && waits && (recordable.byHand ? payments.isByHand : payments.isWaiting),
    recordable.overpaid && payments.isOverpaid,
    payment.disputes?.some(({ status }) => status === 'open') && payments.isDisputed,
    operations.some(({ atProvider }) => atProvider) && payments.isAtProvider,
  ].filter((sentence) => typeof sentence === 'string');
  const askable = !recordable.byHand && may('payments:refresh');
  return (
    <section className="stack">
      {sentences.length > 0 && (
        <div className={`card sentence ${doubtful || returned ? 'late' : ''}`} role="status">
          {sentences.map((sentence) => (
            <div key={sentence}>{sentence}</div>
          ))}
        </div>
      )}
      <div className="bar">
        {askable && (
          <Button size="xs" loading={asked.isPending} onClick={() => asked.mutate()} title={payments.askHelp}>
            {payments.ask(provider)}
          </Button>
        )}
        {may('payments:record') && recordable.receive && (
          <Button size="xs" onClick={() => record({ what: 'receive' })}>
            {payments.record}
          </Button>
        )}
        {may('payments:record') && recordable.overpaid && (
          <Button size="xs" variant="light" color="red" onClick={() => record({ what: 'giveBack' })}>
            {payments.giveBack}
          </Button>
        )}
      </div>
      {asked.data && (
        <Alert variant="light" color="blue" role="status">
          {asked.data.asked ? payments.isAsked : payments.allKnown}
        </Alert>
      )}
      {asked.error && <Failed error={asked.error} />}
    </section>
  );
}

function OperationCard({
  operation,
  payment,
  record,
}: {
  readonly operation: Operation;
  readonly payment: Payment;
  readonly record: (recorded: Recorded) => void;
}): ReactNode {
  const { payments } = useText();
  const money = useMoney();
  const may = useMay();
  const { kind, amount, state, attempts, nextAttemptAt, providerReference, reason, key, reminders } = operation;
  const choices = may('payments:record') ? recordableOf(payment).of(operation) : [];
  return (
    <div className="operation">
      <div className="bar">
        <strong>{payments.kinds[kind]}</strong>
        <span>{money(amount, payment.currency)}</span>
        <Badge variant="light" tt="none" radius="sm" color={TONES[state]}>
          {operation.returned ? payments.returned : payments.states[state]}
        </Badge>
        {operation.atProvider && (
          <Badge variant="outline" tt="none" radius="sm" color="orange">
            {payments.atProvider}
          </Badge>
        )}
        <span className="bar" style={{ marginLeft: 'auto' }}>
          {choices.map((outcome) => (
            <Button
              key={outcome}
              size="compact-xs"
              variant="default"
              onClick={() => record({ what: 'operation', operation, outcome })}
            >
              {payments.outcomes[outcome]}
            </Button>
          ))}
        </span>
      </div>
      {reason !== undefined && (
        <blockquote>
          {operation.provider ?? payment.provider}: {reason}
        </blockquote>
      )}
      <Text size="xs" className="dim" component="div">
        {providerReference !== undefined && (
          <div>
            {payments.reference} <code>{providerReference}</code>
          </div>
        )}
        <div>
          {payments.key} <code>{key}</code>
        </div>
        {attempts > 0 && (
          <div>
            {payments.attempts(attempts)}
            {nextAttemptAt !== undefined && (
              <>
                {' · '}
                {payments.next} <When at={nextAttemptAt} />
              </>
            )}
          </div>
        )}
        {reminders !== undefined && reminders > 0 && <div>{payments.reminders(reminders)}</div>}
      </Text>
    </div>
  );
}

function Disputes({ payment }: { readonly payment: Payment }): ReactNode {
  const { payments } = useText();
  const money = useMoney();
  if (!payment.disputes?.length) return null;
  return (
    <section className="card">
      <h3>{payments.disputes}</h3>
      {payment.disputes.map(({ id, amount, reason, status, dueAt }) => (
        <div className="operation" key={id}>
          <div className="bar">
            <strong>{money(amount, payment.currency)}</strong>
            <Badge variant="light" tt="none" radius="sm" color={status === 'won' ? 'green' : 'red'}>
              {payments.disputeStatus[status]}
            </Badge>
            <span>{reason}</span>
          </div>
          <Text size="xs" className="dim" component="div">
            <code>{id}</code>
            {status === 'open' && dueAt !== undefined && (
              <>
                {' · '}
                {payments.answerUntil} <When at={dueAt} />
              </>
            )}
          </Text>
        </div>
      ))}
    </section>
  );
}

function Receipts({ payment }: { readonly payment: Payment }): ReactNode {
  const { payments } = useText();
  const money = useMoney();
  if (!payment.receipts?.length) return null;
  return (
    <section className="card">
      <h3>{payments.receipts}</h3>
      <div className="scroll-x" tabIndex={0} role="group" aria-label={payments.receipts}>
        <table className="plain">
          <tbody>
            {payment.receipts.map(({ id, amount, date, reference, by, at }) => (
              <tr key={id}>
                <td>{date}</td>
                <td className="num">{money(amount, payment.currency)}</td>
                <td>{reference}</td>
                <td className="dim">
                  {by}, <When at={at} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
