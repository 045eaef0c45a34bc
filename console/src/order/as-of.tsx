import { ActionIcon, Button, Slider } from '@mantine/core';
import type { ReactNode } from 'react';
import type { CloudEvent } from '#client';
import { useTimes } from '../parts/parts.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { isOwn } from './path.ts';

/** The order as it was at any version, by a slider that says when that was and after what. */
export function AsOf({
  latest,
  version,
  events,
  change,
}: {
  readonly latest: number;
  readonly version: number | undefined;
  readonly events: readonly CloudEvent[];
  readonly change: (version: number | undefined) => void;
}): ReactNode {
  const { order, happened } = useText();
  const { exact } = useTimes();
  if (latest < 2) return null;
  const at = version ?? latest;
  const event = events.find((each) => isOwn(each) && Number(each.sequence) === at);
  const what = event ? (happened[event.type] ?? event.type) : '';
  const when = event ? exact(event.time) : '';
  const go = (next: number): void => change(next >= latest ? undefined : Math.max(1, next));
  const says = `${order.asOfPast(at, latest)}${when === '' ? '' : `, ${when}`}${what === '' ? '' : `: ${what}`}`;
  return (
    <div className="as-of">
      <div className="spread">
        <span className="dim" aria-live="polite">
          {version === undefined ? order.asOfNow : says}
        </span>
        <span className="bar">
          <ActionIcon
            size="sm"
            variant="default"
            disabled={at <= 1}
            onClick={() => go(at - 1)}
            aria-label={order.earlier}
          >
            <Icon name="back" size={13} />
          </ActionIcon>
          <ActionIcon
            size="sm"
            variant="default"
            disabled={at >= latest}
            onClick={() => go(at + 1)}
            aria-label={order.later}
          >
            <Icon name="forward" size={13} />
          </ActionIcon>
          {version !== undefined && (
            <Button size="compact-xs" variant="light" onClick={() => change(undefined)}>
              {order.now}
            </Button>
          )}
        </span>
      </div>
      <Slider
        size="sm"
        min={1}
        max={latest}
        value={at}
        label={null}
        thumbLabel={order.asOf}
        thumbProps={{ 'aria-valuetext': says }}
        onChange={go}
      />
    </div>
  );
}
