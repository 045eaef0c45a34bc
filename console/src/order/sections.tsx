import { Badge, Button, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Order } from '#client';
import { useMoney, useTimes, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { contactPreset, notesPreset, useAct } from './actions.tsx';
import { NOTE, TAGS, tagsOf } from './acts.ts';
import { Table } from './part.tsx';
import { releasable, returnStart } from './start.ts';
import { piecesText } from '../parts/pieces.ts';

/** Parts of the page of an order: what the order itself knows. */

export function Items({ order }: { readonly order: Order }): ReactNode {
  const { order: words } = useText();
  const money = useMoney();
  return (
    <section className="card">
      <h2>{words.items}</h2>
      <Table label={words.items}>
        <thead>
          <tr>
            <th>{words.article}</th>
            <th className="num">{words.quantity}</th>
            <th className="num">{words.open}</th>
            <th className="num">{words.shipped}</th>
            <th className="num">{words.cancelled}</th>
            <th className="num">{words.returned}</th>
            <th className="num">{words.unitPrice}</th>
            <th className="num">{words.amount}</th>
          </tr>
        </thead>
        <tbody>
          {order.items.map((item) => {
            const { shipped = 0, cancelled = 0, returned = 0 } = item;
            const open = item.quantity - shipped - cancelled;
            const short = order.shortages?.find(({ sku }) => sku === item.sku);
            return (
              <tr key={item.line}>
                <td>
                  <strong>{item.name ?? item.sku}</strong>
                  {item.name !== undefined && (
                    <div className="dim">
                      <code>{item.sku}</code>
                    </div>
                  )}
                  {short && open > 0 && (
                    <div className="warn">{words.shortOf(short.requested - short.available, short.requested)}</div>
                  )}
                </td>
                <td className="num">{item.quantity}</td>
                <Count of={order.status === 'CANCELLED' ? 0 : open} />
                <Count of={shipped} />
                <Count of={cancelled} />
                <Count of={returned} />
                <td className="num">{money(item.unitPrice, order.currency)}</td>
                <td className="num">{money(item.amount, order.currency)}</td>
              </tr>
            );
          })}
        </tbody>
      </Table>
    </section>
  );
}

function Count({ of }: { readonly of: number }): ReactNode {
  return <td className={of === 0 ? 'num dim' : 'num'}>{of === 0 ? '–' : of}</td>;
}

export function Money({ order }: { readonly order: Order }): ReactNode {
  const { order: words } = useText();
  const money = useMoney();
  const act = useAct();
  const { currency } = order;
  const lines = [
    ...order.shippingLines.map(({ amount, name }) => [name ?? words.shipping, amount] as const),
    ...order.discountLines.map(({ amount, name }) => [name ?? words.discount, `-${amount.replace(/^-/, '')}`] as const),
    ...order.taxLines.map(({ amount, name }) => [name ?? words.tax, amount] as const),
  ];
  const give = order.owedAmount === undefined ? undefined : act('requestRefund');
  return (
    <section className="card">
      <h2>{words.money}</h2>
      <dl className="facts">
        {lines.map(([name, amount], index) => [
          <dt key={index}>{name}</dt>,
          <dd key={`${index}.`} className="num">
            {money(amount, currency)}
          </dd>,
        ])}
        <dt>
          <strong>{words.total}</strong>
        </dt>
        <dd className="num">
          <strong>{money(order.totalAmount, currency)}</strong>
        </dd>
        {order.placedAmount !== undefined && (
          <>
            <dt>{words.placedAmount}</dt>
            <dd className="num dim">{money(order.placedAmount, currency)}</dd>
          </>
        )}
        {order.paymentStatus === 'AUTHORIZED' && (
          <>
            <dt>{words.authorized}</dt>
            <dd className="num">{money(order.totalAmount, currency)}</dd>
          </>
        )}
        <dt>{words.captured}</dt>
        <dd className="num">{money(order.capturedAmount, currency)}</dd>
        <dt>{words.refunded}</dt>
        <dd className="num">{money(order.refundedAmount, currency)}</dd>
        {order.owedAmount !== undefined && (
          <>
            <dt className="warn">{words.owed}</dt>
            <dd className="num">
              {give && (
                <Button size="compact-xs" variant="light" color="red" onClick={give}>
                  {words.giveBack}
                </Button>
              )}{' '}
              <strong>{money(order.owedAmount, currency)}</strong>
            </dd>
          </>
        )}
        <dt>{words.provider}</dt>
        <dd className="num">{order.payment.provider}</dd>
      </dl>
      {order.refunds.length > 0 && <Refunds order={order} />}
      {(order.disputes ?? []).map(({ disputeId, amount, reason, status, dueAt }) => (
        <p key={disputeId} className={status === 'open' ? 'warn' : 'dim'}>
          {words.dispute(money(amount, currency), reason, words.disputeStatus[status])}{' '}
          {dueAt !== undefined && status === 'open' && <When at={dueAt} />}
        </p>
      ))}
    </section>
  );
}

const REFUND_TONES = { REQUESTED: 'orange', DONE: 'green', FAILED: 'red' } as const;

function Refunds({ order }: { readonly order: Order }): ReactNode {
  const { order: words } = useText();
  const money = useMoney();
  return (
    <Table label={words.refunds}>
      <tbody>
        {order.refunds.map(({ refundId, amount, status, reason, atProvider }) => (
          <tr key={refundId}>
            <td>
              <Badge variant="light" tt="none" color={REFUND_TONES[status]}>
                {words.refundStatus[status]}
              </Badge>
            </td>
            <td>
              {reason}
              {atProvider && <div className="dim">{words.atProvider}</div>}
            </td>
            <td className="num">{money(amount, order.currency)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

export function Holds({ order }: { readonly order: Order }): ReactNode {
  const { order: words, acts } = useText();
  const act = useAct();
  if (order.holds.length === 0) return null;
  const canEnd = new Set(releasable(order));
  return (
    <section className="card">
      <h2>{words.holds}</h2>
      {order.holds.map((hold) => {
        const release = canEnd.has(hold.type) ? act('release', { hold: hold.type }) : undefined;
        return (
          <div key={hold.type} className="entry">
            <div className="spread">
              <span>
                <Badge color="orange" variant="light" tt="none">
                  {hold.type}
                </Badge>{' '}
                <span className="dim">
                  {words.by} {hold.by}
                  {hold.endsAt !== undefined && (
                    <>
                      {' '}
                      · {words.endsBy} <When at={hold.endsAt} />
                    </>
                  )}
                </span>
              </span>
              {release && (
                <Button
                  size="compact-xs"
                  variant="light"
                  onClick={release}
                  aria-label={`${acts.release} “${hold.type}”`}
                >
                  {acts.release}
                </Button>
              )}
              {hold.reviewId !== undefined && <a href={`/console/reviews?open=${hold.reviewId}`}>{words.toReview}</a>}
            </div>
            <Text size="sm">{hold.reason}</Text>
          </div>
        );
      })}
    </section>
  );
}

export function Customer({ order }: { readonly order: Order }): ReactNode {
  const { order: words, orders, common, acts } = useText();
  const may = useMay();
  const act = useAct();
  const edit = may('personal-data:read') ? act('amend', contactPreset(order)) : undefined;
  const { billingAddress, shippingAddress, contact } = order;
  return (
    <section className="card">
      <div className="spread">
        <h2>{words.customer}</h2>
        {edit && (
          <Button size="compact-xs" variant="default" onClick={edit}>
            {acts.edit}
          </Button>
        )}
      </div>
      <dl className="facts">
        <dt>{orders.customer}</dt>
        <dd>
          {order.customerId === undefined ? (
            orders.guest
          ) : (
            <Link to="/orders" search={{ customerId: order.customerId } as never} title={words.ordersOfCustomer}>
              {order.customerId}
            </Link>
          )}
        </dd>
        {order.reference !== undefined && (
          <>
            <dt>{words.reference}</dt>
            <dd>{order.reference}</dd>
          </>
        )}
        {(contact?.email ?? contact?.phone) !== undefined && (
          <>
            <dt>{words.contact}</dt>
            <dd>
              {contact?.email}
              {contact?.phone !== undefined && <div>{contact.phone}</div>}
            </dd>
          </>
        )}
        {shippingAddress && (
          <>
            <dt>{words.address}</dt>
            <dd>
              <Lines of={shippingAddress} />
            </dd>
          </>
        )}
        {billingAddress && (
          <>
            <dt>{words.billing}</dt>
            <dd>
              <Lines of={billingAddress} />
            </dd>
          </>
        )}
        {order.locale !== undefined && (
          <>
            <dt>{words.locale}</dt>
            <dd>{order.locale}</dd>
          </>
        )}
        {!may('personal-data:read') && (
          <>
            <dt>{words.contact}</dt>
            <dd className="dim">{common.withheld}</dd>
          </>
        )}
      </dl>
    </section>
  );
}

function Lines({ of }: { readonly of: NonNullable<Order['shippingAddress']> }): ReactNode {
  const { name, company, line1, line2, postalCode, city, region, country } = of;
  const lines = [name, company, line1, line2, [postalCode, city].filter(Boolean).join(' '), region, country];
  return lines.filter((line) => line !== undefined && line !== '').map((line) => <div key={line}>{line}</div>);
}

/** What colleagues noted, its tags, and what else the shop keeps with the order. */
export function Notes({ order }: { readonly order: Order }): ReactNode {
  const { order: words, acts } = useText();
  const act = useAct();
  const edit = act('amend', notesPreset(order));
  const tags = tagsOf(order);
  const { [NOTE]: note, [TAGS]: _tags, ...others } = order.metadata;
  const entries = Object.entries(others);
  if (!edit && entries.length === 0 && tags.length === 0 && note === undefined) return null;
  return (
    <section className="card">
      <div className="spread">
        <h2>{words.notes}</h2>
        {edit && (
          <Button size="compact-xs" variant="default" onClick={edit} aria-label={acts.notes}>
            {acts.edit}
          </Button>
        )}
      </div>
      {typeof note === 'string' && (
        <Text size="sm" className="note">
          {note}
        </Text>
      )}
      {tags.length > 0 && (
        <div className="bar">
          {tags.map((tag) => (
            <Badge key={tag} variant="light" tt="none" color="gray">
              {tag}
            </Badge>
          ))}
        </div>
      )}
      {entries.length > 0 && (
        <dl className="facts">
          {entries.map(([name, value]) => [
            <dt key={name}>{name}</dt>,
            <dd key={`${name}.`}>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>,
          ])}
        </dl>
      )}
      {note === undefined && tags.length === 0 && entries.length === 0 && (
        <Text size="sm" className="dim">
          {words.noNotes}
        </Text>
      )}
    </section>
  );
}

/** Returns, with what arrived of them, and claims about parcels. */
export function Returns({ order }: { readonly order: Order }): ReactNode {
  const { order: words, acts } = useText();
  const { exact } = useTimes();
  const act = useAct();
  if (order.returns.length === 0) return null;
  return (
    <section className="card">
      <h2>{words.returns}</h2>
      {order.returns.map((entry) => {
        const { returnId, items, reason, received, closed, receipts = [], deadlineAt } = entry;
        const open = !received && closed !== true;
        const receive = open ? act('receiveReturn', returnStart(order, returnId)) : undefined;
        const close = open ? act('closeReturn', { returnId }) : undefined;
        return (
          <div key={returnId} className="entry">
            <div className="spread">
              <span>
                <Badge variant="light" tt="none" color={open ? 'orange' : 'gray'}>
                  {open ? words.returnOpen : closed ? words.returnClosed : words.returnReceived}
                </Badge>{' '}
                {piecesText(items)}
              </span>
              <span className="bar">
                {receive && (
                  <Button size="compact-xs" variant="light" onClick={receive}>
                    {acts.receiveReturn}
                  </Button>
                )}
                {close && (
                  <Button size="compact-xs" variant="default" onClick={close}>
                    {acts.closeReturn}
                  </Button>
                )}
              </span>
            </div>
            <div className="dim">
              {reason}
              {open && deadlineAt !== undefined && ` · ${words.returnUntil(exact(deadlineAt))}`}
            </div>
            {receipts.length > 0 && (
              <div className="dim">
                {receipts
                  .map(({ sku, quantity, condition, disposition }) =>
                    [`${quantity} × ${sku}`, acts.conditions[condition], disposition && acts.dispositions[disposition]]
                      .filter(Boolean)
                      .join(' '),
                  )
                  .join(' · ')}
              </div>
            )}
          </div>
        );
      })}
    </section>
  );
}

export function Claims({ order }: { readonly order: Order }): ReactNode {
  const { order: words, parcel } = useText();
  const { claims = [], origin } = order;
  if (claims.length === 0 && origin === undefined) return null;
  return (
    <section className="card">
      <h2>{words.claims}</h2>
      {origin?.orderId !== undefined && (
        <p>
          {words.replaces} <OrderLine id={origin.orderId} />
        </p>
      )}
      {origin?.source !== undefined && <p className="dim">{words.importedFrom(origin.source, origin.number ?? '')}</p>}
      {claims.map(({ claimId, kind, resolution, items, reason, by, followUpId, status, found }) => (
        <div key={claimId} className="entry">
          <Badge variant="light" tt="none" color="orange">
            {parcel.failure[kind]}
          </Badge>{' '}
          {words.resolutions[resolution]}: {piecesText(items)}
          <div className="dim">
            {words.by} {by} · {reason}
            {found && ` · ${words.found}`}
          </div>
          {followUpId !== undefined && (
            <div>
              {words.replacement} <OrderLine id={followUpId} />{' '}
              {status !== undefined && <span className="dim">{status}</span>}
            </div>
          )}
        </div>
      ))}
    </section>
  );
}

function OrderLine({ id }: { readonly id: string }): ReactNode {
  return (
    <Link to="/orders/$id" params={{ id }}>
      <code>…{id.slice(-12)}</code>
    </Link>
  );
}
