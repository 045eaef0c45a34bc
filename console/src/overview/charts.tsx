import type { ReactNode } from 'react';
import type { Dashboard } from '#client';
import { useText } from '../text/text.tsx';

/** How the last hour went, minute by minute: orders placed, and how many payments succeeded. */

type Minute = NonNullable<Dashboard['minutes']>[number];

const HEIGHT = 80;
const STEP = 10;

export function Charts({ minutes }: { readonly minutes: readonly Minute[] }): ReactNode {
  const { overview } = useText();
  const most = Math.max(1, ...minutes.map(({ placed }) => placed));
  const paid = minutes.reduce((sum, minute) => sum + minute.paid, 0);
  const failed = minutes.reduce((sum, minute) => sum + minute.failed, 0);
  const known = paid + failed;
  const share = known === 0 ? undefined : paid / known;
  const percent = (value: number): string =>
    value.toLocaleString(undefined, { style: 'percent', maximumFractionDigits: value > 0.99 && value < 1 ? 1 : 0 });
  const width = minutes.length * STEP;
  return (
    <div className="charts">
      <figure className="card chart">
        <figcaption>
          <h2>{overview.throughput}</h2>
          <b>{overview.perMinuteMost(most)}</b>
        </figcaption>
        <Frame label={overview.throughputTable(minutes.reduce((sum, { placed }) => sum + placed, 0))} width={width}>
          {minutes.map(({ at, placed }, place) => (
            <Bar key={at} place={place} share={placed / most} className="bar-fill">
              {`${timeOf(at)}: ${placed}`}
            </Bar>
          ))}
        </Frame>
        <Axis minutes={minutes} />
      </figure>
      <figure className="card chart">
        <figcaption>
          <h2>{overview.success}</h2>
          <b data-bad={(share !== undefined && share < 0.9) || undefined}>
            {share === undefined ? '–' : percent(share)}
          </b>
        </figcaption>
        <Frame label={overview.successTable(paid, failed)} width={width}>
          {minutes.map(({ at, paid: good, failed: bad }, place) => {
            const all = good + bad;
            if (all === 0) return null;
            const text = `${timeOf(at)}: ${percent(good / all)}`;
            return (
              <g key={at}>
                <Bar place={place} share={1} className="bar-fill bad">
                  {text}
                </Bar>
                <Bar place={place} share={good / all} className="bar-fill good">
                  {text}
                </Bar>
              </g>
            );
          })}
        </Frame>
        <Axis minutes={minutes} />
      </figure>
    </div>
  );
}

const timeOf = (at: string): string => new Date(at).toLocaleTimeString(undefined, { timeStyle: 'short' });

function Frame({
  label,
  width,
  children,
}: {
  readonly label: string;
  readonly width: number;
  readonly children: ReactNode;
}) {
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none">
      {children}
    </svg>
  );
}

function Bar({
  place,
  share,
  className,
  children,
}: {
  readonly place: number;
  readonly share: number;
  readonly className: string;
  readonly children: string;
}): ReactNode {
  const height = share === 0 ? 0 : Math.max(2, share * HEIGHT);
  return (
    <rect className={className} x={place * STEP + 1} y={HEIGHT - height} width={STEP - 2} height={height}>
      <title>{children}</title>
    </rect>
  );
}

function Axis({ minutes }: { readonly minutes: readonly Minute[] }): ReactNode {
  const { common } = useText();
  return (
    <span className="axis dim">
      <span>{minutes[0] && timeOf(minutes[0].at)}</span>
      <span>{common.now}</span>
    </span>
  );
}
