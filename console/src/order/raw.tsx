import { Anchor, CopyButton } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Order } from '#client';
import { usePerson } from '../session.tsx';
import { useText } from '../text/text.tsx';

/** The order as the API gives it, its id, and where its trace is looked at. */
export function Raw({ order }: { readonly order: Order }): ReactNode {
  const { order: words } = useText();
  const { traceUrl } = usePerson();
  const [open, setOpen] = useState(false);
  const { id, traceId } = order;
  return (
    <div className="raw">
      <div className="bar">
        <Anchor component="button" type="button" size="xs" onClick={() => setOpen(!open)} aria-expanded={open}>
          {words.rawOrder}
        </Anchor>
        <Copy label={words.copyId} value={id} />
        {traceId !== undefined &&
          (traceUrl === undefined ? (
            <Copy label={words.copyTrace} value={traceId} />
          ) : (
            <a href={traceUrl.replace('{traceId}', traceId)} target="_blank" rel="noreferrer">
              {words.openTrace}
            </a>
          ))}
      </div>
      {open && <pre tabIndex={0}>{JSON.stringify(order, null, 2)}</pre>}
    </div>
  );
}

function Copy({ label, value }: { readonly label: string; readonly value: string }): ReactNode {
  const { order: words } = useText();
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Anchor component="button" type="button" size="xs" onClick={copy} title={value}>
          {copied ? words.copied : label}
        </Anchor>
      )}
    </CopyButton>
  );
}
