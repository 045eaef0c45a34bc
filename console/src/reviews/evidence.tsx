import { Badge, Button, Kbd, Text } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { type Order, type OrderSummary, Problem, type Review } from '#client';
import { api } from '../api.ts';
import type { BesideContext } from '../list/beside.tsx';
import { Fact, Facts } from '../parts/facts.tsx';
import { Empty, Failed, Loading, StatusBadge, useMoney, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { DecideOne, type Decision } from './decide.tsx';

/** What there is to know before a review is decided, and the decision. */

/** So that who looks at a review sees that a colleague was faster. */
const WATCHED_MS = 5_000;
const EARLIER_SHOWN = 5;
const EARLIER_READ = 50;

const TONES: Readonly<Record<string, string>> = {
  pending: 'orange',
  approved: 'green',
  rejected: 'red',
  closed: 'gray',
};

export function ReviewBadge({ review }: { readonly review: Review }): ReactNode {
  const { reviews } = useText();
  return (
    <Badge color={TONES[review.status]!} variant="light" radius="sm" tt="none" className="badge">
      {reviews.statuses[review.status]}
    </Badge>
  );
}

const ABOVE = /^total above (\S+) ([A-Z]{3})$/;

/** Why an order is reviewed, in the words of the reader; what a rule of somebody else says stays as it is. */
export function useReasons(): (reasons: readonly string[]) => readonly string[] {
  const { reviews } = useText();
  const money = useMoney();
  return (reasons) =>
    reasons.map((reason) => {
      const [, limit, currency] = ABOVE.exec(reason) ?? [];
      if (limit !== undefined) return reviews.above(money(limit, currency!));
      return reason === 'requested' ? reviews.requested : reason;
    });
}

export function Evidence({ id, row, next, replace, reload }: BesideContext<Review>): ReactNode {
  const { reviews } = useText();
  const client = useQueryClient();
  const found = useQuery({
    queryKey: ['review', id],
    queryFn: async () => await api.readReview({ id }),
    initialData: row,
    refetchInterval: ({ state }) => (state.data?.status === 'pending' ? WATCHED_MS : false),
  });
  const review = found.data;
  const status = review?.status;
  useEffect(() => {
    if (review && row && review.status !== row.status) replace(review);
  }, [status, row?.status]);
  if (found.error)
    return found.error instanceof Problem && found.error.status === 404 ? (
      <Empty title={reviews.notFound} help={id} />
    ) : (
      <Failed error={found.error} retry={() => void found.refetch()} />
    );
  if (!review) return <Loading rows={8} />;
  const waits = (other: Review): boolean => other.status === 'pending' && other.id !== id;
  return (
    <div className="stack">
      <Head
        review={review}
        decided={(after) => {
          client.setQueryData(['review', id], after);
          replace(after);
          next(waits);
          void client.invalidateQueries({ queryKey: ['order', review.orderId] });
        }}
        look={() => {
          void found.refetch();
          reload();
        }}
      />
      <Known review={review} />
    </div>
  );
}

function Head({
  review,
  decided,
  look,
}: {
  readonly review: Review;
  readonly decided: (review: Review) => void;
  readonly look: () => void;
}): ReactNode {
  const { reviews } = useText();
  const money = useMoney();
  const may = useMay();
  const reasonsOf = useReasons();
  const [decision, setDecision] = useState<Decision>();
  const pending = review.status === 'pending';
  const open = (what: Decision): void => {
    // One dialog at a time: its own buttons do not open another.
    if (pending && may('reviews:decide') && !document.querySelector('[role=dialog]')) setDecision(what);
  };
  useHotkeys([
    ['a', () => open('approve')],
    ['r', () => open('reject')],
  ]);
  return (
    <header className="review-head">
      <div className="bar">
        <h2>
          <Link to="/orders/$id" params={{ id: review.orderId }}>
            {review.number ?? review.orderId.slice(-12)}
          </Link>
        </h2>
        <span className="big">{review.totalAmount !== undefined && money(review.totalAmount, review.currency!)}</span>
        <ReviewBadge review={review} />
        {pending && may('reviews:decide') && (
          <span className="bar decide">
            <Button size="sm" onClick={() => open('approve')} rightSection={<Kbd size="xs">a</Kbd>}>
              {reviews.approve}
            </Button>
            <Button
              size="sm"
              variant="light"
              color="red"
              onClick={() => open('reject')}
              rightSection={<Kbd size="xs">r</Kbd>}
            >
              {reviews.reject}
            </Button>
          </span>
        )}
      </div>
      <div className="bar">
        {reasonsOf(review.reasons).map((reason) => (
          <Badge key={reason} color="orange" variant="light" tt="none" size="lg" radius="sm">
            {reason}
          </Badge>
        ))}
        <Text size="sm" className="dim">
          <When at={review.openedAt} />
        </Text>
      </div>
      {pending ? (
        <Text size="sm" className="dim">
          {reviews.endsAt} <When at={review.deadlineAt} />.
        </Text>
      ) : (
        <p className="card sentence ended" role="status">
          <strong>
            {reviews.decidedBy(reviews.statuses[review.status]!, review.decidedBy ?? '')}{' '}
            {review.decidedAt !== undefined && <When at={review.decidedAt} />}
          </strong>
          {review.reason !== undefined && `: ${review.reason}`}
        </p>
      )}
      {decision && (
        <DecideOne
          decision={decision}
          review={review}
          decided={decided}
          look={look}
          onClose={() => setDecision(undefined)}
        />
      )}
    </header>
  );
}

function Known({ review }: { readonly review: Review }): ReactNode {
  const id = review.orderId;
  const order = useQuery({ queryKey: ['order', id, 'evidence'], queryFn: async () => await api.readOrder({ id }) });
  if (order.isPending) return <Loading rows={8} />;
  if (order.error) return <Failed error={order.error} retry={() => void order.refetch()} />;
  return (
    <div className="evidence">
      <div className="stack">
        <Customer order={order.data} />
        <Earlier order={order.data} />
      </div>
      <div className="stack">
        <Items order={order.data} />
        <Payment order={order.data} />
      </div>
    </div>
  );
}

function Items({ order }: { readonly order: Order }): ReactNode {
  const { reviews } = useText();
  const money = useMoney();
  const notes = Object.entries(order.metadata);
  return (
    <section className="card">
      <h3>{reviews.items}</h3>
      <div className="scroll-x" tabIndex={0} role="group" aria-label={reviews.items}>
        <table className="plain">
          <tbody>
            {order.items.map(({ line, quantity, name, sku, unitPrice, amount }) => (
              <tr key={line}>
                <td className="num">{quantity} ×</td>
                <td>
                  {name ?? sku}
                  {name !== undefined && (
                    <div className="dim">
                      <code>{sku}</code>
                    </div>
                  )}
                </td>
                <td className="num dim">{quantity > 1 && money(unitPrice, order.currency)}</td>
                <td className="num">{money(amount, order.currency)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {notes.length > 0 && (
        <>
          <h3>{reviews.notes}</h3>
          <Facts>
            {notes.map(([name, value]) => (
              <Fact key={name} name={name}>
                {typeof value === 'string' ? value : JSON.stringify(value)}
              </Fact>
            ))}
          </Facts>
        </>
      )}
    </section>
  );
}

type Address = Readonly<Record<string, unknown>>;
const PARTS = ['name', 'company', 'line1', 'line2', 'postalCode', 'city', 'region', 'country'] as const;
const written = (address: Address): string =>
  PARTS.map((part) => address[part])
    .filter((part) => typeof part === 'string')
    .join(', ');

function Customer({ order }: { readonly order: Order }): ReactNode {
  const { reviews, orders, order: words, common } = useText();
  const may = useMay();
  const ship = order.shippingAddress as Address | undefined;
  const bill = order.billingAddress as Address | undefined;
  const contact = [order.contact?.email, order.contact?.phone].filter((part) => part !== undefined).join(', ');
  const differs =
    ship && bill && written(ship) !== written(bill)
      ? bill['country'] === ship['country']
        ? reviews.otherAddress
        : reviews.otherCountry
      : undefined;
  const shown = may('personal-data:read');
  return (
    <section className="card">
      <h3>{reviews.customer}</h3>
      <Facts>
        <Fact name={orders.customer}>{order.customerId ?? orders.guest}</Fact>
        {order.reference !== undefined && <Fact name={words.reference}>{order.reference}</Fact>}
        <Fact name={words.channel}>{order.channel}</Fact>
        <Fact name={reviews.contact}>
          {contact === '' ? <span className="dim">{shown ? reviews.noContact : common.withheld}</span> : contact}
        </Fact>
        {ship && <Fact name={reviews.shipsTo}>{written(ship)}</Fact>}
        {ship && (
          <Fact name={reviews.billsTo}>
            {differs === undefined ? (
              <span className="dim">{reviews.sameAddress}</span>
            ) : (
              <>
                {written(bill!)}{' '}
                <Badge color="orange" variant="light" tt="none" size="sm" radius="sm">
                  {differs}
                </Badge>
              </>
            )}
          </Fact>
        )}
      </Facts>
    </section>
  );
}

function Payment({ order }: { readonly order: Order }): ReactNode {
  const { reviews, paymentStatus } = useText();
  const may = useMay();
  const allowed = may('payments:read');
  const found = useQuery({
    queryKey: ['order', order.id, 'payments'],
    queryFn: async () => await api.listPayments({ orderId: [order.id] }),
    enabled: allowed,
  });
  const operations = found.data?.items.flatMap((payment) => payment.operations) ?? [];
  return (
    <section className="card">
      <h3>{reviews.payment}</h3>
      <Facts>
        <Fact name={reviews.with}>
          {order.payment.provider} · {paymentStatus[order.paymentStatus] ?? order.paymentStatus}
        </Fact>
        {operations.map(({ id, kind, amount, state, reason }) => (
          <Fact key={id} name={`${kind} ${amount}`}>
            {state.replaceAll('_', ' ')} {reason}
          </Fact>
        ))}
      </Facts>
      {allowed && found.data && operations.length === 0 && (
        <Text size="sm" className="dim" mt={6}>
          {reviews.noAttempts}
        </Text>
      )}
    </section>
  );
}

/** Other orders that may be of the same person. */
function Earlier({ order }: { readonly order: Order }): ReactNode {
  const { reviews } = useText();
  const ship = order.shippingAddress as Address | undefined;
  const name = [ship?.['name'], ship?.['postalCode']].filter((part) => typeof part === 'string');
  const groups = [
    order.customerId !== undefined && ([reviews.sameCustomer, { customerId: [order.customerId] }] as const),
    order.contact?.email !== undefined && ([reviews.sameEmail, { text: order.contact.email }] as const),
    name.length === 2 && ([reviews.sameName, { text: name.join(' ') }] as const),
  ];
  return (
    <section className="card">
      <h3>{reviews.earlier}</h3>
      {groups.map((group) => group && <EarlierOf key={group[0]} title={group[0]} query={group[1]} order={order} />)}
    </section>
  );
}

function EarlierOf({
  title,
  query,
  order,
}: {
  readonly title: string;
  readonly query: { readonly customerId?: readonly string[]; readonly text?: string };
  readonly order: Order;
}): ReactNode {
  const { reviews, status: names } = useText();
  const money = useMoney();
  const found = useQuery({
    queryKey: ['earlier', query],
    queryFn: async ({ signal }) => (await api.listOrders({ ...query, limit: EARLIER_READ }, { signal })).items,
  });
  const others = (found.data ?? []).filter(({ id }) => id !== order.id);
  return (
    <div className="earlier">
      <h4>
        {title}
        {found.data && others.length > 0 && <span className="dim"> · {countsOf(others, names)}</span>}
      </h4>
      {found.isPending ? (
        <Loading rows={1} />
      ) : found.error ? (
        <Failed error={found.error} retry={() => void found.refetch()} />
      ) : others.length === 0 ? (
        <Text size="sm" className="dim">
          {reviews.noEarlier}
        </Text>
      ) : (
        <table className="plain compact">
          <tbody>
            {others.slice(0, EARLIER_SHOWN).map((other) => (
              <tr key={other.id}>
                <th scope="row">
                  <Link to="/orders/$id" params={{ id: other.id }}>
                    {other.number}
                  </Link>
                </th>
                <td>
                  <StatusBadge status={other.status} />
                </td>
                <td className="num">
                  {money(other.totalAmount, other.currency)}
                  <div className="dim">
                    <When at={other.createdAt} />
                  </div>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {others.length > EARLIER_SHOWN && (
        <Link to="/orders" search={query.customerId ? { customerId: query.customerId[0]! } : { text: query.text! }}>
          {others.length - EARLIER_SHOWN} {reviews.earlierMore}
        </Link>
      )}
    </div>
  );
}

/** How many of them stand where, the most first. */
function countsOf(orders: readonly OrderSummary[], names: Readonly<Record<string, string>>): string {
  const counts = new Map<string, number>();
  for (const { status } of orders) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([status, count]) => `${count} ${names[status] ?? status}`)
    .join(', ');
}
