import { Checkbox, NumberInput, SegmentedControl, Select, TagsInput, Text, Textarea, TextInput } from '@mantine/core';
import { Fragment, type ReactNode } from 'react';
import type { Order } from '#client';
import { useMoney } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import { type ActName, ADDRESS_FIELDS, CONTACT_FIELDS, type Given, NOTE } from './acts.ts';
import { refundable } from './money.ts';
import { awaited, openReturns, releasable, returnStart } from './start.ts';
import { piecesText } from '../parts/pieces.ts';

/** The fields of each action's dialog. */

interface FieldsProps {
  readonly order: Order;
  readonly given: Given;
  readonly change: (next: Partial<Given>) => void;
}
type Fields = (props: FieldsProps) => ReactNode;

export const FIELDS: Readonly<Partial<Record<ActName, Fields>>> = {
  release: HoldToRelease,
  hold: HoldName,
  requestRefund: RefundFields,
  cancelItems: (props) => <Pieces {...props} most={({ allowed }) => allowed.cancel} />,
  requestReturn: (props) => <Pieces {...props} most={({ allowed }) => allowed.return} />,
  payAgain: PayAgainFields,
  openClaim: ClaimFields,
  receiveReturn: ReceiptFields,
  closeReturn: WhichReturn,
  amend: AmendFields,
};

/** Several holds: which of them; one is named in what the dialog says. */
function HoldToRelease({ order, given, change }: FieldsProps): ReactNode {
  const { acts } = useText();
  const types = releasable(order);
  return (
    types.length > 1 && (
      <Select
        label={acts.whichHold}
        allowDeselect={false}
        value={given.hold}
        data={types.map((value) => ({
          value,
          label: `${value}: ${order.holds.find(({ type }) => type === value)?.reason ?? ''}`,
        }))}
        onChange={(hold) => hold && change({ hold })}
      />
    )
  );
}

function HoldName({ given, change }: FieldsProps): ReactNode {
  const { acts } = useText();
  return (
    <TextInput
      label={acts.holdName}
      description={acts.holdNameHelp}
      value={given.hold}
      pattern="[a-z0-9_\-]{1,50}"
      required
      onChange={(event) => change({ hold: event.currentTarget.value })}
    />
  );
}

function RefundFields(props: FieldsProps): ReactNode {
  const { order, given, change } = props;
  const { acts } = useText();
  const money = useMoney();
  return (
    <>
      <SegmentedControl
        aria-label={acts.refundBy}
        value={given.by}
        data={[
          { value: 'amount', label: acts.byAmount },
          { value: 'items', label: acts.byItems },
        ]}
        onChange={(by) => change({ by: by as Given['by'] })}
      />
      {given.by === 'amount' ? (
        <TextInput
          label={acts.amount}
          description={
            order.owedAmount === undefined
              ? acts.left(money(refundable(order), order.currency))
              : acts.owedAndLeft(money(order.owedAmount, order.currency), money(refundable(order), order.currency))
          }
          value={given.amount}
          inputMode="decimal"
          pattern="\d+(\.\d+)?"
          required
          rightSection={order.currency}
          rightSectionWidth={56}
          onChange={(event) => change({ amount: event.currentTarget.value.replace(',', '.') })}
        />
      ) : (
        <>
          <Text size="sm" className="dim">
            {acts.byItemsHelp}
          </Text>
          <Pieces {...props} most={({ quantity, cancelled = 0 }) => quantity - cancelled} />
        </>
      )}
    </>
  );
}

/** How many pieces of each line. */
function Pieces({
  order,
  given,
  change,
  most,
}: FieldsProps & { readonly most: (item: Order['items'][number]) => number }): ReactNode {
  const { acts } = useText();
  const offered = order.items.filter((item) => most(item) > 0);
  const all = Object.fromEntries(offered.map((item) => [item.line, most(item)]));
  return (
    <div className="pieces">
      {offered.map((item) => (
        <NumberInput
          key={item.line}
          label={acts.quantity(item.name ?? item.sku)}
          description={acts.upTo(most(item))}
          min={0}
          max={most(item)}
          clampBehavior="strict"
          allowDecimal={false}
          value={given.pieces[item.line] ?? 0}
          onChange={(value) => change({ pieces: { ...given.pieces, [item.line]: Number(value) } })}
        />
      ))}
      {offered.length > 1 && (
        <button type="button" className="as-link" onClick={() => change({ pieces: all })}>
          {acts.allPieces}
        </button>
      )}
    </div>
  );
}

function PayAgainFields({ order, given, change }: FieldsProps): ReactNode {
  const { acts } = useText();
  return (
    <>
      <TextInput
        label={acts.provider}
        value={given.provider}
        pattern="[a-z0-9_\-]{1,50}"
        placeholder={order.payment.provider}
        onChange={(event) => change({ provider: event.currentTarget.value })}
      />
      <TextInput
        label={acts.token}
        description={acts.tokenHelp}
        value={given.token}
        required
        autoComplete="off"
        maxLength={300}
        onChange={(event) => change({ token: event.currentTarget.value })}
        data-autofocus
      />
    </>
  );
}

function ClaimFields({ order, given, change }: FieldsProps): ReactNode {
  const { acts, parcel } = useText();
  const chosen = order.shipments.find(({ shipmentId }) => shipmentId === given.shipmentId);
  const names = new Map(order.items.map(({ sku, name }) => [sku, name ?? sku]));
  return (
    <>
      <Select
        label={acts.whichParcel}
        allowDeselect={false}
        value={given.shipmentId}
        data={order.shipments.map(({ shipmentId, carrier, trackingNumber }) => ({
          value: shipmentId,
          label: `${carrier} ${trackingNumber}`,
        }))}
        onChange={(shipmentId) => shipmentId && change({ shipmentId, pieces: {} })}
      />
      <Select
        label={acts.whatHappened}
        allowDeselect={false}
        value={given.kind}
        data={(['lost', 'damaged', 'returned_to_sender'] as const).map((value) => ({
          value,
          label: parcel.failure[value],
        }))}
        onChange={(kind) => kind && change({ kind })}
      />
      <SegmentedControl
        aria-label={acts.resolution}
        value={given.resolution}
        data={[
          { value: 'refund', label: acts.resolveRefund },
          { value: 'reship', label: acts.resolveReship },
        ]}
        onChange={(resolution) => change({ resolution })}
      />
      {chosen && (
        <div className="pieces">
          <Text size="sm" className="dim">
            {acts.wholeParcel}
          </Text>
          {chosen.items.map(({ sku, quantity }) => (
            <NumberInput
              key={sku}
              label={acts.quantity(names.get(sku) ?? sku)}
              description={acts.upTo(quantity)}
              min={0}
              max={quantity}
              clampBehavior="strict"
              allowDecimal={false}
              value={given.pieces[sku] ?? 0}
              onChange={(value) => change({ pieces: { ...given.pieces, [sku]: Number(value) } })}
            />
          ))}
        </div>
      )}
    </>
  );
}

function WhichReturn({ order, given, change }: FieldsProps): ReactNode {
  const { acts } = useText();
  const open = openReturns(order);
  return (
    open.length > 1 && (
      <Select
        label={acts.whichReturn}
        allowDeselect={false}
        value={given.returnId}
        data={open.map(({ returnId, items, reason }) => ({
          value: returnId,
          label: `${piecesText(items)}: ${reason}`,
        }))}
        onChange={(returnId) => returnId && change(returnStart(order, returnId))}
      />
    )
  );
}

const CONDITIONS = ['sellable', 'damaged', 'unchecked', 'missing'] as const;

/** What arrived: so many pieces of each line in each condition. */
function ReceiptFields(props: FieldsProps): ReactNode {
  const { order, given, change } = props;
  const { acts } = useText();
  const entry = order.returns.find(({ returnId }) => returnId === given.returnId);
  const expected = entry ? [...awaited(entry, order)] : [];
  const kept = Object.entries(given.found).some(([where, quantity]) => quantity > 0 && /damaged|unchecked/.test(where));
  return (
    <>
      <WhichReturn {...props} />
      <div className="receipt" role="group" aria-label={acts.whatArrived}>
        <span className="dim expected">{acts.expected}</span>
        {CONDITIONS.map((condition) => (
          <span key={condition} className="dim">
            {acts.conditions[condition]}
          </span>
        ))}
        {expected.map(([number, quantity]) => {
          const item = order.items.find(({ line }) => line === number);
          const name = item?.name ?? item?.sku ?? '';
          return (
            <Fragment key={number}>
              <span className="name">
                {quantity} × {name}
              </span>
              {CONDITIONS.map((condition) => {
                const where = `${number} ${condition}`;
                return (
                  <NumberInput
                    key={condition}
                    aria-label={`${name}: ${acts.conditions[condition]}`}
                    min={0}
                    max={quantity}
                    clampBehavior="strict"
                    allowDecimal={false}
                    size="xs"
                    value={given.found[where] ?? 0}
                    onChange={(value) => change({ found: { ...given.found, [where]: Number(value) } })}
                  />
                );
              })}
            </Fragment>
          );
        })}
      </div>
      {kept && (
        <Select
          label={acts.disposition}
          allowDeselect={false}
          value={given.disposition}
          data={(['hold', 'scrap', 'restock'] as const).map((value) => ({ value, label: acts.dispositions[value] }))}
          onChange={(disposition) => disposition && change({ disposition })}
        />
      )}
      <Checkbox
        label={acts.refundReceived}
        checked={given.refund}
        onChange={(event) => change({ refund: event.currentTarget.checked })}
      />
      <Checkbox
        label={acts.nothingMore}
        checked={!given.more}
        onChange={(event) => change({ more: !event.currentTarget.checked })}
      />
    </>
  );
}

function AmendFields({ given, change }: FieldsProps): ReactNode {
  const { acts } = useText();
  const field = (name: string, label: string): ReactNode => (
    <TextInput
      key={name}
      label={label}
      value={given.fields[name] ?? ''}
      maxLength={300}
      onChange={(event) => change({ fields: { ...given.fields, [name]: event.currentTarget.value } })}
    />
  );
  const others = Object.keys(given.fields).filter(
    (name) => name.startsWith('metadata.') && name !== `metadata.${NOTE}`,
  );
  return (
    <div className="amend">
      {'address.name' in given.fields && (
        <>
          {ADDRESS_FIELDS.map((name) => field(`address.${name}`, acts.address[name]))}
          {CONTACT_FIELDS.map((name) => field(`contact.${name}`, acts.contact[name]))}
          {field('reference', acts.reference)}
        </>
      )}
      {`metadata.${NOTE}` in given.fields && (
        <>
          <Textarea
            className="whole"
            label={acts.note}
            value={given.fields[`metadata.${NOTE}`] ?? ''}
            maxLength={4_000}
            autosize
            minRows={3}
            onChange={(event) =>
              change({ fields: { ...given.fields, [`metadata.${NOTE}`]: event.currentTarget.value } })
            }
          />
          <TagsInput
            className="whole"
            label={acts.tags}
            description={acts.tagsHelp}
            value={[...given.tags]}
            maxTags={20}
            onChange={(tags) => change({ tags })}
          />
          {others.map((name) => field(name, name.slice('metadata.'.length)))}
        </>
      )}
    </div>
  );
}
