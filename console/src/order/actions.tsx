import { Button, Menu, Tooltip } from '@mantine/core';
import { createContext, type ReactNode, useContext } from 'react';
import type { Order } from '#client';
import { useMay } from '../session.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { ACT_NAMES, type ActName, fieldsOf, type Given, rowOf } from './acts.ts';

/** What may be done with an order: buttons from what the order allows; one that it does not allow says why. */

interface Acting {
  readonly order: Order;
  readonly open: (name: ActName, preset?: Partial<Given>) => void;
}
const Context = createContext<Acting | undefined>(undefined);
export const ActingProvider = Context.Provider;

/** Opens the dialog of an action with something filled in; undefined where the person may not, or the order does not allow it. */
export function useAct(): (name: ActName, preset?: Partial<Given>) => (() => void) | undefined {
  const acting = useContext(Context);
  const may = useMay();
  return (name, preset) =>
    acting && may(rowOf(name).permission) && acting.order.allowedActions.includes(name)
      ? () => acting.open(name, preset)
      : undefined;
}

/** Actions that only some orders have: beside the others where they are possible, else in the menu. */
const WHEN_ALLOWED: ReadonlySet<ActName> = new Set(['payAgain', 'receiveReturn']);

export function contactPreset(order: Order): Partial<Given> {
  const fields = Object.entries(fieldsOf(order)).filter(([name]) => !name.startsWith('metadata.'));
  return { fields: Object.fromEntries(fields) };
}
export function notesPreset(order: Order): Partial<Given> {
  const fields = Object.entries(fieldsOf(order)).filter(([name]) => name.startsWith('metadata.'));
  return { fields: Object.fromEntries(fields) };
}

export function Actions({ order }: { readonly order: Order }): ReactNode {
  const { acts, order: words } = useText();
  const may = useMay();
  const act = useAct();
  const mine = ACT_NAMES.filter((name) => may(rowOf(name).permission));
  if (mine.length === 0) return null;
  const allowed = (name: ActName): boolean => order.allowedActions.includes(name);
  const beside = mine.filter((name) => rowOf(name).primary ?? (WHEN_ALLOWED.has(name) && allowed(name)));
  const others = mine.filter((name) => !beside.includes(name));
  const why = (name: ActName): string => order.refusedActions[name]?.reason ?? '';
  return (
    <div className="bar acts" role="toolbar" aria-label={words.actions}>
      {beside.map((name) => {
        const opens = act(name);
        const { danger = false } = rowOf(name);
        const button = (
          <Button
            key={name}
            size="xs"
            variant={danger ? 'light' : 'default'}
            color={danger ? 'red' : undefined}
            data-disabled={!opens || undefined}
            aria-disabled={!opens}
            onClick={() => opens?.()}
          >
            {acts[name]}
          </Button>
        );
        // A disabled button still takes the focus, so that everybody can hear why.
        return opens ? (
          button
        ) : (
          <Tooltip key={name} label={why(name)} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>
            {button}
          </Tooltip>
        );
      })}
      <Menu withInitialFocusPlaceholder={false} position="bottom-end" width={340} withinPortal>
        <Menu.Target>
          <Button size="xs" variant="default" rightSection={<Icon name="more" size={14} />}>
            {acts.more}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {others.flatMap((name) =>
            name === 'amend'
              ? [
                  <Choice key="amend" title={acts.amend} why={why(name)} opens={act(name, contactPreset(order))} />,
                  <Choice key="notes" title={acts.notes} why={why(name)} opens={act(name, notesPreset(order))} />,
                ]
              : [<Choice key={name} title={acts[name]} why={why(name)} opens={act(name)} />],
          )}
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}

/** One of the menu; what the order does not allow stands there with the reason. */
function Choice({
  title,
  why,
  opens,
}: {
  readonly title: string;
  readonly why: string;
  readonly opens: (() => void) | undefined;
}): ReactNode {
  return (
    <Menu.Item aria-disabled={!opens} closeMenuOnClick={opens !== undefined} onClick={() => opens?.()}>
      <span className={opens ? undefined : 'dim'}>{title}</span>
      {!opens && <span className="why dim">{why}</span>}
    </Menu.Item>
  );
}
