import type { ReactNode } from 'react';
import type { StockMovement } from '#client';
import { useLanguage, useText } from '../text/text.tsx';

/** Stock over time as a picture: on hand as an area, reserved as a line, from what moved back from what is there now. */

const [WIDTH, HEIGHT] = [640, 150];
const TOP = 22;

interface Point {
  readonly atMs: number;
  readonly onHand: number;
  readonly reserved: number;
}

/** Levels after each movement, oldest first; movements are the last ones, the newest first. */
export function levelsOf(
  movements: readonly Pick<StockMovement, 'at' | 'onHand' | 'reserved'>[],
  now: { readonly onHand: number; readonly reserved: number },
  nowMs: number,
): Point[] {
  let { onHand, reserved } = now;
  const points: Point[] = [{ atMs: nowMs, onHand, reserved }];
  for (const movement of movements) {
    points.push({ atMs: Date.parse(movement.at), onHand, reserved });
    onHand -= movement.onHand;
    reserved -= movement.reserved;
  }
  if (movements.length > 0) points.push({ atMs: points.at(-1)!.atMs, onHand, reserved });
  return points.toReversed();
}

export function StockChart({
  movements,
  now,
}: {
  readonly movements: readonly StockMovement[];
  readonly now: { readonly onHand: number; readonly reserved: number };
}): ReactNode {
  const { inventory } = useText();
  const { language } = useLanguage();
  if (movements.length < 2) return null;
  const points = levelsOf(movements, now, Date.now());
  const [first, last] = [points[0]!.atMs, points.at(-1)!.atMs];
  const most = Math.max(1, ...points.map(({ onHand, reserved }) => Math.max(onHand, reserved)));
  const x = (atMs: number): number => ((atMs - first) / Math.max(1, last - first)) * WIDTH;
  const y = (pieces: number): number => HEIGHT - (Math.max(0, pieces) / most) * (HEIGHT - TOP);
  const line = (of: 'onHand' | 'reserved'): string =>
    points
      .map(
        (point, index) =>
          `${index === 0 ? 'M' : `H${x(point.atMs).toFixed(1)}V`}${index === 0 ? `${x(point.atMs)} ` : ''}${y(point[of]).toFixed(1)}`,
      )
      .join('');
  const day = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  const number = new Intl.NumberFormat(language);
  const label = inventory.chartOf(movements.length, day.format(first));
  return (
    <figure className="stock-chart">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${inventory.chart}. ${label}`}
      >
        <path className="area" d={`${line('onHand')}V${HEIGHT}H0Z`} />
        <path className="on-hand" d={line('onHand')} />
        <path className="reserved" d={line('reserved')} />
      </svg>
      <span className="most dim">{number.format(most)}</span>
      <figcaption className="dim">
        <span>{label}</span>
        <span className="legend">
          <i className="on-hand" /> {inventory.onHand} <i className="reserved" /> {inventory.reserved}
        </span>
      </figcaption>
    </figure>
  );
}
