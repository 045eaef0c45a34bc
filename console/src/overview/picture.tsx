import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Dashboard } from '#client';
import { useTimes } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import type { Moved } from './overview.tsx';

/** The life of an order as a picture, with how many orders are where, and for how long. Places are chosen by hand. */

export const WIDTH = 126;
export const HEIGHT = 62;
/** Column and row of each status. */
export const PLACES: Readonly<Record<string, readonly [x: number, y: number]>> = {
  CREATED: [0, 1],
  RESERVED: [1, 1],
  PAID: [2, 1],
  READY_FOR_SHIPMENT: [3, 1],
  SHIPPED: [4, 1],
  COMPLETED: [5, 1],
  BACKORDERED: [0, 0],
  PAYMENT_PENDING: [1, 0],
  PARTIALLY_SHIPPED: [3, 0],
  REJECTED: [0, 2],
  PAYMENT_FAILED: [1, 2],
  CANCELLED: [2, 2],
};
/** Ways between them that an order goes with the event that says so, and those on which it ends badly. */
export const WAYS: readonly (readonly [from: string, to: string, event: string, bad?: true])[] = [
  ['CREATED', 'RESERVED', 'OrderReserved'],
  ['RESERVED', 'PAID', 'OrderPaid'],
  ['PAID', 'READY_FOR_SHIPMENT', 'OrderReadyForShipment'],
  ['READY_FOR_SHIPMENT', 'SHIPPED', 'OrderShipped'],
  ['SHIPPED', 'COMPLETED', 'OrderCompleted'],
  ['CREATED', 'BACKORDERED', 'OrderBackordered'],
  ['BACKORDERED', 'RESERVED', ''],
  ['RESERVED', 'PAYMENT_PENDING', 'OrderPaymentPending'],
  ['PAYMENT_PENDING', 'PAID', ''],
  ['READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED', 'OrderPartiallyShipped'],
  ['PARTIALLY_SHIPPED', 'SHIPPED', ''],
  ['CREATED', 'REJECTED', 'OrderRejected', true],
  ['RESERVED', 'PAYMENT_FAILED', 'OrderPaymentFailed', true],
  ['PAID', 'CANCELLED', 'OrderCancelled', true],
];
const ENDED = new Set(['COMPLETED', 'REJECTED', 'PAYMENT_FAILED', 'CANCELLED']);
/** An order that goes its way is through a step sooner than this, except where goods or people move. */
const OLD_SECONDS = 3_600;

export const x = (column: number): number => 6 + column * 168;
export const y = (line: number): number => 8 + line * 96;

export function way(from: string, to: string): string {
  const [fx, fy] = PLACES[from]!;
  const [tx, ty] = PLACES[to]!;
  if (fy === ty) return `M${x(fx) + WIDTH} ${y(fy) + HEIGHT / 2}H${x(tx) - 5}`;
  if (fx === tx)
    return ty > fy
      ? `M${x(fx) + WIDTH / 2} ${y(fy) + HEIGHT}V${y(ty) - 5}`
      : `M${x(fx) + WIDTH / 2} ${y(fy)}V${y(ty) + HEIGHT + 5}`;
  return `M${x(fx) + WIDTH} ${y(fy) + HEIGHT / 2}C${x(fx) + WIDTH + 26} ${y(fy) + HEIGHT / 2} ${x(tx) + 20} ${y(ty) - 40} ${x(tx) + 28} ${y(ty) - 5}`;
}

/** Where the number of a way stands: over a level one, beside a steep one. */
function numberPlace(from: string, to: string): { readonly x: number; readonly y: number } {
  const [fx, fy] = PLACES[from]!;
  const [tx, ty] = PLACES[to]!;
  if (fy === ty) return { x: (x(fx) + WIDTH + x(tx)) / 2 - 3, y: y(fy) + HEIGHT / 2 - 6 };
  return { x: x(fx) + WIDTH / 2 + 16, y: (ty > fy ? y(fy) + HEIGHT : y(ty) + HEIGHT) + 21 };
}

export function LifecyclePicture({
  dashboard,
  moved,
}: {
  readonly dashboard: Dashboard;
  /** How many went which way in the last minute, by the event. */
  readonly moved: Moved;
}): ReactNode {
  const { status: names, overview } = useText();
  const { age } = useTimes();
  const navigate = useNavigate();
  const counts = dashboard.byStatus as Readonly<Record<string, number>>;
  const ages = dashboard.oldestAgeSeconds as Readonly<Record<string, number>>;
  return (
    <div className="lifecycle-scroll" tabIndex={0} role="group" aria-label={overview.lifecycle}>
      <svg viewBox="0 0 978 272" className="lifecycle">
        <defs>
          <marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0L8 4L0 8z" fill="#8b93a3" />
          </marker>
        </defs>
        {WAYS.map(([from, to, event, bad]) => {
          const count = moved[event] ?? 0;
          return (
            <g key={from + to}>
              <path
                d={way(from, to)}
                className={`edge${bad ? ' bad' : ''}${count > 0 ? ' moving' : ''}`}
                markerEnd="url(#tip)"
              />
              {count > 0 && (
                <text className="moved" {...numberPlace(from, to)} textAnchor="middle">
                  {count.toLocaleString()}
                </text>
              )}
            </g>
          );
        })}
        {Object.entries(PLACES).map(([status, [column, line]]) => {
          const count = counts[status] ?? 0;
          const open = !ENDED.has(status);
          const oldest = ages[status] ?? 0;
          const old = open && count > 0 && oldest > OLD_SECONDS;
          return (
            <a
              key={status}
              href={`/console/orders?status=${status}`}
              onClick={(event) => {
                event.preventDefault();
                void navigate({ to: '/orders', search: { status } });
              }}
            >
              <g
                className={`node${old ? ' old' : open && count > 0 ? ' busy' : ''}`}
                transform={`translate(${x(column)} ${y(line)})`}
              >
                <rect width={WIDTH} height={HEIGHT} rx={10} />
                <text className="name" x={10} y={19}>
                  {names[status]}
                </text>
                <text className="count" x={10} y={45}>
                  {count.toLocaleString()}
                </text>
                {open && count > 0 && (
                  <text className="age" x={WIDTH - 8} y={45} textAnchor="end">
                    {age(oldest)}
                  </text>
                )}
              </g>
            </a>
          );
        })}
      </svg>
    </div>
  );
}
