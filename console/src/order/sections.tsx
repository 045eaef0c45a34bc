import { Badge, Button, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Order } from '#client';
import { api } from '../api.ts';
import { Failed, Loading, useMoney, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';

/** The parts of the page of an order. What belongs to other services is read where the person may read it. */

export function Items({ order }: { readonly order: Order }): ReactNode {
  const { order: words } = useText();
  const money = useMoney();
  return (
    <section className="card">
      <h2>{words.items}</h2>
      <Table label={words.items}>
        <thead>
          <tr>
            <th>SKU</th>
            <th className="num">{words.quantity}</th>
            <th className="num">{words.shipped}</th>
            <th className="num">{words.cancelled}</th>
            <th className="num">{words.returned}</th>
            <th className="num">{words.unitPrice}</th>
            <th className="num">{words.amount}</th>
          </tr>
        </thead>
        <tbody>
          {order.items.map((item) => (
            <tr key={item.line}>
              <td>
                <strong>{item.name ?? item.sku}</strong>
                {item.name !== undefined && (
                  <div className="dim">
                    <code>{item.sku}</code>
                  </div>
                )}
              </td>
              <td className="num">{item.quantity}</td>
              <td className="num">{item.shipped ?? 0}</td>
              <td className="num">{item.cancelled ?? 0}</td>
              <td className="num">{item.returned ?? 0}</td>
              <td className="num">{money(item.unitPrice, order.currency)}</td>
              <td className="num">{money(item.amount, order.currency)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );
}

export function Money({ order }: { readonly order: Order }): ReactNode {
  const { order: words } = useText();
  const money = useMoney();
  const { currency } = order;
  const lines = [
    ...order.shippingLines.map(({ amount, name }) => [name ?? words.shipping, amount] as const),
    ...order.discountLines.map(({ amount, name }) => [name ?? words.discount, `-${amount.replace(/^-/, '')}`] as const),
    ...order.taxLines.map(({ amount, name }) => [name ?? words.tax, amount] as const),
  ];
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
        <dt>{words.captured}</dt>
        <dd className="num">{money(order.capturedAmount, currency)}</dd>
        <dt>{words.refunded}</dt>
        <dd className="num">{money(order.refundedAmount, currency)}</dd>
        {order.owedAmount !== undefined && (
          <>
            <dt>{words.owed}</dt>
            <dd className="num">
              <strong>{money(order.owedAmount, currency)}</strong>
            </dd>
          </>
        )}
        <dt>{words.provider}</dt>
        <dd className="num">{order.payment.provider}</dd>
      </dl>
    </section>
  );
}

export function Holds({ order }: { readonly order: Order }): ReactNode {
  const { order: words } = useText();
  if (order.holds.length === 0) return null;
  return (
    <section className="card">
      <h2>{words.holds}</h2>
      {order.holds.map((hold) => (
        <div key={hold.type}>
          <Badge color="orange" variant="light" tt="none">
            {hold.type}
          </Badge>{' '}
          <span className="dim">
            {words.by} {hold.by}
            {hold.endsAt !== undefined && (
              <>
                {' '}
                · <When at={hold.endsAt} />
              </>
            )}
          </span>
          <Text size="sm">{hold.reason}</Text>
        </div>
      ))}
    </section>
  );
}

export function Customer({ order }: { readonly order: Order }): ReactNode {
  const { order: words, orders, common } = useText();
  const may = useMay();
  const address = order.shippingAddress as Readonly<Record<string, unknown>> | undefined;
  return (
    <section className="card">
      <h2>{words.customer}</h2>
      <dl className="facts">
        <dt>{orders.customer}</dt>
        <dd>{order.customerId ?? orders.guest}</dd>
        {order.reference !== undefined && (
          <>
            <dt>{words.reference}</dt>
            <dd>{order.reference}</dd>
          </>
        )}
        {order.contact?.email !== undefined && (
          <>
            <dt>{words.contact}</dt>
            <dd>
              {order.contact.email}
              {order.contact.phone !== undefined && <>, {order.contact.phone}</>}
            </dd>
          </>
        )}
        {address && (
          <>
            <dt>{words.address}</dt>
            <dd>
              {Object.values(address)
                .filter((part) => typeof part === 'string')
                .join(', ')}
            </dd>
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

export function Notes({ order }: { readonly order: Order }): ReactNode {
  const { order: words } = useText();
  const entries = Object.entries(order.metadata);
  if (entries.length === 0) return null;
  return (
    <section className="card">
      <h2>{words.notes}</h2>
      <dl className="facts">
        {entries.map(([name, value]) => [
          <dt key={name}>{name}</dt>,
          <dd key={`${name}.`}>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>,
        ])}
      </dl>
    </section>
  );
}

/** A table that scrolls by itself where the page is narrow, also from the keyboard. */
function Table({ label, children }: { readonly label: string; readonly children: ReactNode }): ReactNode {
  return (
    <div className="scroll-x" tabIndex={0} role="group" aria-label={label}>
      <table className="plain">{children}</table>
    </div>
  );
}

/** A part that another service knows: it waits, fails and is empty by itself. */
function Part<Item>({
  id,
  name,
  title,
  empty,
  permission,
  read,
  children,
}: {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly empty: string;
  readonly permission: string;
  readonly read: () => PromiseLike<{ readonly items: readonly Item[] }>;
  /** The rows of its table. */
  readonly children: (items: readonly Item[]) => ReactNode;
}): ReactNode {
  const may = useMay();
  const allowed = may(permission);
  const found = useQuery({ queryKey: ['order', id, name], queryFn: async () => await read(), enabled: allowed });
  if (!allowed) return null;
  return (
    <section className="card">
      <h2>{title}</h2>
      {found.isPending ? (
        <Loading rows={2} />
      ) : found.error ? (
        <Failed error={found.error} retry={() => void found.refetch()} />
      ) : found.data.items.length === 0 ? (
        <Text size="sm" className="dim">
          {empty}
        </Text>
      ) : (
        <Table label={title}>
          <tbody>{children(found.data.items)}</tbody>
        </Table>
      )}
    </section>
  );
}

export function Shipments({ id }: { readonly id: string }): ReactNode {
  const { order: words } = useText();
  return (
    <Part
      id={id}
      name="shipments"
      title={words.shipments}
      empty={words.noShipments}
      permission="shipments:read"
      read={() => api.listShipments({ orderId: id })}
    >
      {(items) =>
        items.map((shipment) => (
          <tr key={shipment.id}>
            <td>
              <Badge variant="light" tt="none">
                {shipment.status}
              </Badge>
            </td>
            <td>{shipment.location}</td>
            <td>{shipment.items.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ')}</td>
            <td>
              {shipment.carrier ?? ''} {shipment.trackingNumber !== undefined && <code>{shipment.trackingNumber}</code>}
            </td>
          </tr>
        ))
      }
    </Part>
  );
}

export function Payments({ id }: { readonly id: string }): ReactNode {
  const { order: words } = useText();
  const money = useMoney();
  return (
    <Part
      id={id}
      name="payments"
      title={words.payments}
      empty={words.noPayments}
      permission="payments:read"
      read={() => api.listPayments({ orderId: id })}
    >
      {(items) =>
        items.flatMap((payment) =>
          payment.operations.map((operation) => (
            <tr key={operation.id}>
              <td>
                <Badge
                  variant="light"
                  tt="none"
                  color={operation.state === 'failed' ? 'red' : operation.state === 'succeeded' ? 'green' : 'orange'}
                >
                  {operation.state.replaceAll('_', ' ')}
                </Badge>
              </td>
              <td>{operation.kind}</td>
              <td className="num">{money(operation.amount, payment.currency)}</td>
              <td className="dim">
                {operation.providerReference ?? ''} {operation.reason ?? ''}
              </td>
            </tr>
          )),
        )
      }
    </Part>
  );
}

export function Messages({ id }: { readonly id: string }): ReactNode {
  const { order: words } = useText();
  return (
    <Part
      id={id}
      name="messages"
      title={words.messages}
      empty={words.noMessages}
      permission="notifications:read"
      read={() => api.listNotifications({ orderId: id })}
    >
      {(items) =>
        items.map((message) => (
          <tr key={message.id}>
            <td>
              <Badge variant="light" tt="none" color={message.status === 'failed' ? 'red' : 'gray'}>
                {message.status}
              </Badge>
            </td>
            <td>
              {message.subject}
              <div className="dim">
                {message.channel} {message.recipient}
              </div>
            </td>
            <td className="dim">
              <When at={message.createdAt} />
            </td>
          </tr>
        ))
      }
    </Part>
  );
}

/** Events that could not be taken in, with what a person can do about them. */
export function Parked({ order }: { readonly order: Order }): ReactNode {
  const { orders, action } = useText();
  const may = useMay();
  const client = useQueryClient();
  const decide = useMutation({
    mutationFn: ({ consumer, what }: { consumer: string; what: 'retry' | 'skip' }) => {
      const parameters = { consumer, orderId: order.id };
      return what === 'retry'
        ? api.retryParkedOrder(parameters)
        : api.skipParkedOrder(parameters, { reason: 'skipped in the console' } as never);
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ['order', order.id] }),
  });
  if (!order.parked) return null;
  return (
    <section className="card sentence late">
      <h2>{orders.parked}</h2>
      {order.parked.map(({ consumer, eventType, reason, parkedAt }) => (
        <div key={consumer}>
          <Text size="sm">
            <strong>{consumer}</strong> · {eventType} · <When at={parkedAt} />
          </Text>
          <Text size="sm" className="dim">
            {reason}
          </Text>
          {may('parked:decide') && (
            <span className="bar">
              <Button
                size="xs"
                loading={decide.isPending}
                onClick={() => decide.mutate({ consumer, what: 'retry' })}
                title={action.willRetry}
              >
                {action.retryParked}
              </Button>
              <Button
                size="xs"
                variant="light"
                color="red"
                disabled={decide.isPending}
                onClick={() => {
                  if (window.confirm(action.willSkip)) decide.mutate({ consumer, what: 'skip' });
                }}
              >
                {action.skipParked}
              </Button>
            </span>
          )}
        </div>
      ))}
      {decide.error && <Failed error={decide.error} />}
    </section>
  );
}
