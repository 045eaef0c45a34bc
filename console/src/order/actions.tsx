import { Button, NumberInput, Textarea, TextInput, Tooltip } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Order } from '#client';
import { api } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { useMoney } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';

/** What may be done with an order: buttons from what the order allows; one that it does not allow says why. */

export const ACTIONS = [
  'release',
  'hold',
  'requestRefund',
  'cancelItems',
  'cancel',
  'requestReturn',
  'complete',
] as const;
export type ActionName = (typeof ACTIONS)[number];
const PERMISSIONS: Readonly<Record<ActionName, string>> = {
  release: 'orders:hold',
  hold: 'orders:hold',
  requestRefund: 'refunds:request',
  cancelItems: 'orders:cancel',
  cancel: 'orders:cancel',
  requestReturn: 'returns:request',
  complete: 'orders:complete',
};
const DANGER: ReadonlySet<ActionName> = new Set(['cancel', 'cancelItems', 'requestRefund']);

export function Actions({ order, etag }: { readonly order: Order; readonly etag: string }): ReactNode {
  const { action } = useText();
  const may = useMay();
  const [open, setOpen] = useState<ActionName>();
  const refused = order.refusedActions as Readonly<Partial<Record<string, { reason: string }>>>;
  const mine = ACTIONS.filter((name) => may(PERMISSIONS[name]));
  return (
    <div className="bar">
      {mine.map((name) => {
        const allowed = order.allowedActions.includes(name);
        const button = (
          <Button
            key={name}
            size="xs"
            variant={DANGER.has(name) ? 'light' : 'default'}
            color={DANGER.has(name) ? 'red' : undefined}
            data-disabled={!allowed || undefined}
            aria-disabled={!allowed}
            onClick={() => allowed && setOpen(name)}
          >
            {action[name]}
          </Button>
        );
        // A disabled button still takes the focus, so that everybody can hear why.
        return allowed ? (
          button
        ) : (
          <Tooltip
            key={name}
            label={refused[name]?.reason ?? ''}
            multiline
            maw={320}
            events={{ hover: true, focus: true, touch: true }}
          >
            {button}
          </Tooltip>
        );
      })}
      {open && <ActionDialog name={open} order={order} etag={etag} onClose={() => setOpen(undefined)} />}
    </div>
  );
}

interface DialogProps {
  readonly name: ActionName;
  readonly order: Order;
  readonly etag: string;
  readonly onClose: () => void;
}

const minor = (amount: string): bigint => BigInt(amount.replace('.', ''));

/** What can still be given back: captured, less all refunds that were done or are under way. */
export function refundable({ capturedAmount, refunds }: Order): string {
  const decimals = capturedAmount.split('.')[1]?.length ?? 0;
  const given = refunds
    .filter(({ status }) => status !== 'FAILED')
    .reduce((sum, { amount }) => sum + minor(amount), 0n);
  const left = (minor(capturedAmount) - given).toString().padStart(decimals + 1, '0');
  return decimals === 0 ? left : `${left.slice(0, -decimals)}.${left.slice(-decimals)}`;
}

function ActionDialog({ name, order, etag, onClose }: DialogProps): ReactNode {
  const { action } = useText();
  const client = useQueryClient();
  const money = useMoney();
  const left = refundable(order);
  const [reason, setReason] = useState('');
  const [message, setMessage] = useState('');
  const [amount, setAmount] = useState(left);
  const [pieces, setPieces] = useState<Readonly<Record<number, number>>>({});
  const chosen = Object.entries(pieces)
    .filter(([, quantity]) => quantity > 0)
    .map(([line, quantity]) => ({ line: Number(line), quantity }));
  const withPieces = name === 'cancelItems' || name === 'requestReturn';
  const mailed = name === 'cancel' || name === 'cancelItems' || name === 'requestRefund';
  const again = (): Promise<void> => client.invalidateQueries({ queryKey: ['order', order.id] });
  return (
    <Act
      title={`${action[name]} · ${order.number}`}
      effects={effects(name, order, amount)}
      danger={DANGER.has(name)}
      ready={!withPieces || chosen.length > 0}
      perform={(once) =>
        perform(name, order, { reason, message, amount, chosen }, { ...once, headers: { 'If-Match': etag } })
      }
      done={async () => {
        await again();
        void client.invalidateQueries({ queryKey: ['orders'] });
      }}
      look={again}
      onClose={onClose}
    >
      {name === 'requestRefund' && (
        <TextInput
          label={action.amount}
          description={action.left(money(left, order.currency))}
          value={amount}
          inputMode="decimal"
          pattern="\d+(\.\d+)?"
          required
          rightSection={order.currency}
          rightSectionWidth={56}
          onChange={(event) => setAmount(event.currentTarget.value.replace(',', '.'))}
        />
      )}
      {withPieces &&
        order.items.map((item) => {
          const most = name === 'cancelItems' ? item.allowed.cancel : item.allowed.return;
          return (
            most > 0 && (
              <NumberInput
                key={item.line}
                label={action.quantity(item.name ?? item.sku)}
                description={`0–${most}`}
                min={0}
                max={most}
                clampBehavior="strict"
                allowDecimal={false}
                value={pieces[item.line] ?? 0}
                onChange={(value) => setPieces({ ...pieces, [item.line]: Number(value) })}
              />
            )
          );
        })}
      {name !== 'complete' && (
        <TextInput
          label={action.reason}
          value={reason}
          required={name !== 'release'}
          maxLength={500}
          onChange={(event) => setReason(event.currentTarget.value)}
          data-autofocus
        />
      )}
      {mailed && (
        <Textarea
          label={action.message}
          value={message}
          maxLength={1_000}
          autosize
          minRows={2}
          onChange={(event) => setMessage(event.currentTarget.value)}
        />
      )}
    </Act>
  );

  function effects(what: ActionName, of: Order, sum: string): string[] {
    const captured = money(of.capturedAmount, of.currency);
    const paid = minor(left) > 0n;
    const texts: Readonly<Record<ActionName, readonly (string | false)[]>> = {
      cancel: [
        action.willCancel(of.number),
        paid && action.willCancelPaid(captured),
        of.status === 'READY_FOR_SHIPMENT' && action.willCancelAsk,
        action.willMail,
      ],
      cancelItems: [action.willCancelItems, action.willMail],
      hold: [action.willHold],
      release: [action.willRelease],
      complete: [action.willComplete],
      requestRefund: [action.willRefund(/^\d+(\.\d+)?$/.test(sum) ? money(sum, of.currency) : sum), action.willMail],
      requestReturn: [action.willReturn],
    };
    return texts[what].flatMap((text) => (text === false ? [] : [text]));
  }
}

interface Given {
  readonly reason: string;
  readonly message: string;
  readonly amount: string;
  readonly chosen: readonly { readonly line: number; readonly quantity: number }[];
}
type Options = NonNullable<Parameters<typeof api.cancelOrder>[2]>;

function perform(
  name: ActionName,
  { id, holds }: Order,
  { reason, message, amount, chosen }: Given,
  options: Options,
): Promise<unknown> {
  const why = { ...(reason.trim() !== '' && { reason: reason.trim() }) };
  const said = { ...(message.trim() !== '' && { customerMessage: message.trim() }) };
  switch (name) {
    case 'cancel':
      return api.cancelOrder({ id }, { ...why, ...said }, options);
    case 'cancelItems':
      return api.cancelItems({ id }, { items: chosen, reason: reason.trim(), ...said }, options);
    case 'hold':
      return api.holdOrder({ id }, { reason: reason.trim() }, options);
    case 'release':
      return api.releaseOrder({ id }, { ...why, ...(holds[0] && { type: holds[0].type }) }, options);
    case 'complete':
      return api.completeOrder({ id }, {}, options);
    case 'requestRefund':
      return api.requestRefund({ id }, { amount, reason: reason.trim(), ...said }, options);
    case 'requestReturn':
      return api.requestReturn({ id }, { lines: chosen, reason: reason.trim() }, options);
  }
}
