import type { ReactNode } from 'react';
import { HEIGHT, PLACES, way, WAYS, WIDTH, x, y } from '../overview/picture.tsx';
import { useTimes } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import type { Visit } from './path.ts';

/** The way that an order took, drawn on the lifecycle of all orders, with when it came to each place. */
export function PathPicture({ visits }: { readonly visits: readonly Visit[] }): ReactNode {
  const { status: names, order: words } = useText();
  const { clock, exact } = useTimes();
  const last = visits.at(-1);
  const gone = visits.slice(1).map(({ status, at }, index) => ({ from: visits[index]!.status, to: status, at }));
  const known = new Set(WAYS.map(([from, to]) => `${from} ${to}`));
  const went = new Set(gone.map(({ from, to }) => `${from} ${to}`));
  const aside = gone.filter(({ from, to }) => !known.has(`${from} ${to}`) && PLACES[from] && PLACES[to]);
  const says = visits.map(({ status, at }) => `${names[status] ?? status} ${exact(at)}`).join(', ');
  return (
    <div className="lifecycle-scroll" tabIndex={0} role="group" aria-label={words.path}>
      <svg viewBox="0 0 924 272" className="lifecycle path" role="img" aria-label={says}>
        <defs>
          <marker
            id="gone"
            viewBox="0 0 8 8"
            refX="6"
            refY="4"
            markerWidth="11"
            markerHeight="11"
            markerUnits="userSpaceOnUse"
            orient="auto"
          >
            <path d="M0 0L8 4L0 8z" className="tip" />
          </marker>
        </defs>
        {WAYS.filter(([from, to]) => !went.has(`${from} ${to}`)).map(([from, to, bad]) => (
          <path key={from + to} d={way(from, to)} className={bad ? 'edge bad' : 'edge'} />
        ))}
        {WAYS.filter(([from, to]) => went.has(`${from} ${to}`)).map(([from, to]) => (
          <path key={from + to} d={way(from, to)} className="edge gone" markerEnd="url(#gone)" />
        ))}
        {aside.map(({ from, to }) => (
          <path key={`${from}${to}aside`} d={bow(from, to)} className="edge gone" markerEnd="url(#gone)" />
        ))}
        {Object.entries(PLACES).map(([status, [column, line]]) => {
          const visit = visits.findLast((each) => each.status === status);
          const here = last?.status === status;
          return (
            <g
              key={status}
              className={`node${here ? ' here' : visit ? ' gone' : ''}`}
              transform={`translate(${x(column)} ${y(line)})`}
            >
              {visit && <title>{exact(visit.at)}</title>}
              <rect width={WIDTH} height={HEIGHT} rx={10} />
              <text className="name" x={10} y={24}>
                {names[status]}
              </text>
              {visit && (
                <text className="age" x={10} y={46}>
                  {clock(visit.at)}
                </text>
              )}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

/** A way that few orders go, in a bow around what stands between. */
function bow(from: string, to: string): string {
  const [fx, fy] = PLACES[from]!;
  const [tx, ty] = PLACES[to]!;
  const down = ty >= fy;
  const startX = x(fx) + WIDTH / 2 + 18;
  const startY = y(fy) + (down ? HEIGHT : 0);
  const endX = x(tx) + WIDTH / 2 + 18;
  const endY = ty === fy ? y(ty) + HEIGHT + 5 : down ? y(ty) - 5 : y(ty) + HEIGHT + 5;
  const middle = ty === fy ? startY + 30 : (startY + endY) / 2;
  return `M${startX} ${startY}C${startX} ${middle} ${endX} ${middle} ${endX} ${endY}`;
}
