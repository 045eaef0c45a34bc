import { Badge, Button, Select, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Fragment, type ReactNode, useState } from 'react';
import type { Order, Payment } from '#client';
import { api } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { useMoney, useTimes, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { isPositive } from './money.ts';
import { Part } from './part.tsx';

/** What the payment providers were asked for an order and what they said, and money that people moved by hand. */

type Operation = Payment['operations'][number];
type Doing =
  | { readonly what: 'refresh' | 'received' | 'givenBack'; readonly payment: Payment }
  | { readonly what: 'operation'; readonly payment: Payment; readonly operation: Operation };

const TONES: Readonly<Record<Operation['state'], string>> = {
  pending: 'blue',
  in_doubt: 'orange',
  awaiting_provider: 'orange',
  succeeded: 'green',
  failed: 'red',
};
/** Providers whose money people move. */
const BY_HAND: ReadonlySet<string> = new Set(['manual', 'external']);
const isOpen = ({ state }: Operation): boolean => state !== 'succeeded' && state !== 'failed';

export function Payments({ order }: { readonly order: Order }): ReactNode {
  const { order: words, pay } = useText();
  const money = useMoney();
  const { exact } = useTimes();
  const may = useMay();
  const [doing, setDoing] = useState<Doing>();
  const { id, currency } = order;
  return (
    <>
      <Part
        id={id}
        name="payments"
        title={words.payments}
        empty={words.noPayments}
        permission="payments:read"
        read={() => api.listPayments({ orderId: id })}
      >
        {(items) =>
          items.map((payment) => {
            const { due, overpaid, operations, receipts = [], provider } = payment;
            const refreshable = may('payments:refresh') && !BY_HAND.has(provider) && operations.some(isOpen);
            const records = may('payments:record');
            const manual = provider === 'manual';
            const buttons = [
              refreshable && (
                <Button
                  key="refresh"
                  size="compact-xs"
                  variant="light"
                  onClick={() => setDoing({ what: 'refresh', payment })}
                >
                  {pay.refresh}
                </Button>
              ),
              records && manual && due !== undefined && isPositive(due) && (
                <Button
                  key="in"
                  size="compact-xs"
                  variant="light"
                  onClick={() => setDoing({ what: 'received', payment })}
                >
                  {pay.received}
                </Button>
              ),
              records && overpaid !== undefined && isPositive(overpaid) && (
                <Button
                  key="back"
                  size="compact-xs"
                  variant="light"
                  color="red"
                  onClick={() => setDoing({ what: 'givenBack', payment })}
                >
                  {pay.givenBack}
                </Button>
              ),
            ].filter((button) => button !== false);
            return (
              <Fragment key={payment.orderId}>
                {operations.map((operation) => (
                  <tr key={operation.id}>
                    <td>
                      <Badge variant="light" tt="none" color={TONES[operation.state]}>
                        {pay.state[operation.state]}
                      </Badge>
                    </td>
                    <td>
                      {pay.kind[operation.kind]}
                      <div className="dim">
                        {operation.provider ?? provider}{' '}
                        {operation.providerReference !== undefined && <code>{operation.providerReference}</code>}
                        {operation.attempts > 0 && ` · ${pay.attempts(operation.attempts)}`}
                        {operation.nextAttemptAt !== undefined && isOpen(operation) && (
                          <>
                            {' '}
                            · {pay.asksAgain} <When at={operation.nextAttemptAt} />
                          </>
                        )}
                        {operation.atProvider && ` · ${pay.atProvider}`}
                      </div>
                      {operation.reason !== undefined && (
                        <div className={operation.state === 'failed' ? 'warn' : 'dim'}>
                          {pay.says(operation.reason)}
                        </div>
                      )}
                    </td>
                    <td className="num">
                      {money(operation.amount, currency)}
                      {records &&
                        BY_HAND.has(operation.provider ?? provider) &&
                        isOpen(operation) &&
                        operation.kind !== 'charge' && (
                          <div>
                            <Button
                              size="compact-xs"
                              variant="light"
                              onClick={() => setDoing({ what: 'operation', payment, operation })}
                            >
                              {pay.record}
                            </Button>
                          </div>
                        )}
                    </td>
                  </tr>
                ))}
                {receipts.map(({ amount, at, by, reference }) => (
                  <tr key={`${at}${amount}`}>
                    <td>
                      <Badge variant="light" tt="none" color="green">
                        {amount.startsWith('-') ? pay.wasGivenBack : pay.wasReceived}
                      </Badge>
                    </td>
                    <td className="dim" title={exact(at)}>
                      <When at={at} /> · {by} {reference}
                    </td>
                    <td className="num">{money(amount, currency)}</td>
                  </tr>
                ))}
                {(buttons.length > 0 || (overpaid !== undefined && isPositive(overpaid))) && (
                  <tr>
                    <td colSpan={3}>
                      <span className="bar">
                        {buttons}
                        {manual && due !== undefined && isPositive(due) && (
                          <span className="warn">{pay.due(money(due, currency))}</span>
                        )}
                        {overpaid !== undefined && isPositive(overpaid) && (
                          <span className="warn">{pay.overpaid(money(overpaid, currency))}</span>
                        )}
                      </span>
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })
        }
      </Part>
      {doing && <PaymentDialog {...doing} order={order} onClose={() => setDoing(undefined)} />}
    </>
  );
}

function PaymentDialog(props: Doing & { readonly order: Order; readonly onClose: () => void }): ReactNode {
  const { what, payment, order, onClose } = props;
  const operation = props.what === 'operation' ? props.operation : undefined;
  const { pay, acts } = useText();
  const money = useMoney();
  const client = useQueryClient();
  const [amount, setAmount] = useState((what === 'givenBack' ? payment.overpaid : payment.due) ?? '');
  const [date, setDate] = useState(() => new Date().toLocaleDateString('sv-SE'));
  const [reference, setReference] = useState('');
  const [outcome, setOutcome] = useState<'done' | 'refused'>('done');
  const [reason, setReason] = useState('');
  const parameters = { orderId: order.id };
  const shown = /^\d+(\.\d+)?$/.test(amount) ? money(amount, order.currency) : amount;
  const noted = { amount, date, ...(reference.trim() !== '' && { reference: reference.trim() }) };
  const says = {
    refresh: [pay.willRefresh(payment.provider), pay.noMoney],
    received: [pay.willReceive(shown), payment.due === undefined ? '' : pay.dueNow(money(payment.due, order.currency))],
    givenBack: [pay.willGiveBack(shown), pay.movedByYou],
    operation: [
      operation === undefined
        ? ''
        : pay.willRecord(
            pay.kind[operation.kind] ?? '',
            money(operation.amount, order.currency),
            pay.outcomes[outcome],
          ),
      pay.movedByYou,
    ],
  }[what].filter((sentence) => sentence !== '');
  return (
    <Act
      title={`${{ refresh: pay.refresh, received: pay.received, givenBack: pay.givenBack, operation: pay.record }[what]} · ${order.number}`}
      effects={says}
      danger={what === 'givenBack'}
      ready={what === 'refresh' || what === 'operation' || /^\d+(\.\d+)?$/.test(amount)}
      perform={async (once): Promise<unknown> => {
        if (what === 'refresh') return api.refreshPayment(parameters);
        if (what === 'received') return api.recordPayment(parameters, noted, once);
        if (what === 'givenBack' || operation === undefined) return api.giveBackOverpayment(parameters, noted, once);
        const body = {
          outcome,
          ...(reason.trim() !== '' && { reason: reason.trim() }),
          ...(reference.trim() !== '' && { reference: reference.trim() }),
        };
        return api.recordPaymentOperation({ ...parameters, operationId: operation.id }, body, once);
      }}
      done={() => client.invalidateQueries({ queryKey: ['order', order.id] })}
      onClose={onClose}
    >
      {(what === 'received' || what === 'givenBack') && (
        <>
          <TextInput
            label={acts.amount}
            value={amount}
            inputMode="decimal"
            required
            rightSection={order.currency}
            rightSectionWidth={56}
            data-autofocus
            onChange={(event) => setAmount(event.currentTarget.value.replace(',', '.'))}
          />
          <TextInput
            label={pay.date}
            type="date"
            required
            value={date}
            onChange={(event) => setDate(event.currentTarget.value)}
          />
        </>
      )}
      {what === 'operation' && (
        <>
          <Select
            label={pay.outcome}
            allowDeselect={false}
            value={outcome}
            data={(['done', 'refused'] as const).map((value) => ({ value, label: pay.outcomes[value] }))}
            onChange={(value) => value && setOutcome(value)}
          />
          <TextInput
            label={acts.reason}
            value={reason}
            maxLength={500}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
        </>
      )}
      {what !== 'refresh' && (
        <TextInput
          label={pay.reference}
          value={reference}
          maxLength={100}
          onChange={(event) => setReference(event.currentTarget.value)}
        />
      )}
    </Act>
  );
}
