import { Badge, Button, SegmentedControl, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import { type Notification, Problem } from '#client';
import { api } from '../api.ts';
import type { BesideContext } from '../list/beside.tsx';
import { Act } from '../parts/act.tsx';
import { Fact, Facts } from '../parts/facts.tsx';
import { OrderLink } from '../parts/order-name.tsx';
import { Empty, Failed, Loading, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';

/** One message: what was sent to whom, what became of it, and the way to send it once more. */

/** While it waits to be sent, it is looked for so often. */
const WATCHED_MS = 3_000;
const TONES: Readonly<Record<Notification['status'], string>> = {
  queued: 'orange',
  sent: 'green',
  failed: 'red',
  suppressed: 'gray',
  mailbox: 'blue',
};

/** The name of an event as words. */
export const spaced = (type: string): string =>
  type.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

export function MessageBadge({ message }: { readonly message: Notification }): ReactNode {
  const { messages } = useText();
  const { status, deliveredAt } = message;
  return (
    <Badge color={TONES[status]} variant="light" radius="sm" tt="none" className="badge">
      {status === 'sent' && deliveredAt !== null ? messages.delivered : messages.statuses[status]}
    </Badge>
  );
}

export function MessageDetail({ id, row, replace }: BesideContext<Notification>): ReactNode {
  const { messages } = useText();
  const found = useQuery({
    queryKey: ['message', id],
    queryFn: async () => await api.readNotification({ id }),
    initialData: row,
    refetchInterval: ({ state }) => (state.data?.status === 'queued' ? WATCHED_MS : false),
  });
  useEffect(() => {
    if (found.data && row && found.data !== row) replace(found.data);
  }, [found.data]);
  if (found.error)
    return found.error instanceof Problem && found.error.status === 404 ? (
      <Empty title={messages.notFound} help={id} />
    ) : (
      <Failed error={found.error} retry={() => void found.refetch()} />
    );
  if (!found.data) return <Loading rows={8} />;
  return <Shown message={found.data} again={() => void found.refetch()} />;
}

function Shown({ message, again }: { readonly message: Notification; readonly again: () => void }): ReactNode {
  const { messages, common } = useText();
  const may = useMay();
  const [resending, setResending] = useState(false);
  const { subject, orderId, channel, recipient, status, detail, attempts, sendings, language, eventType } = message;
  const hindered = status === 'queued' ? messages.queuedAlready : channel === 'none' ? messages.toNobody : undefined;
  return (
    <div className="stack">
      <header className="stack">
        <div className="bar">
          <h2 className="beside-title">{subject}</h2>
          <MessageBadge message={message} />
          {may('notifications:send') && (
            <Button
              size="xs"
              ml="auto"
              data-disabled={hindered !== undefined || undefined}
              aria-disabled={hindered !== undefined}
              title={hindered}
              onClick={() => hindered === undefined && setResending(true)}
            >
              {messages.resend}
            </Button>
          )}
        </div>
        {(detail !== null || status === 'failed' || status === 'mailbox') && (
          <div className={`card sentence ${status === 'failed' ? 'late' : 'ended'}`} role="status">
            {messages.what[status]}
            {detail !== null && <blockquote>{detail}</blockquote>}
          </div>
        )}
      </header>
      <section className="card">
        <Facts>
          <Fact name={messages.order}>
            <OrderLink id={orderId} />
          </Fact>
          <Fact name={messages.recipient}>
            {may('personal-data:read') ? (
              (recipient ?? (channel === 'push' ? messages.browsers : messages.toNobody))
            ) : (
              <span className="dim">{common.withheld}</span>
            )}
          </Fact>
          <Fact name={messages.channel}>
            {messages.channels[channel]}
            {language !== null && ` · ${language}`}
          </Fact>
          <Fact name={messages.about}>{spaced(eventType)}</Fact>
          <Fact name={messages.created}>
            <When at={message.createdAt} />
          </Fact>
          {message.sentAt !== null && (
            <Fact name={messages.sent}>
              <When at={message.sentAt} />
            </Fact>
          )}
          {message.deliveredAt !== null && (
            <Fact name={messages.delivered}>
              <When at={message.deliveredAt} />
            </Fact>
          )}
          {attempts > 1 && <Fact name={messages.attempts}>{attempts}</Fact>}
          {sendings > 1 && <Fact name={messages.sendings}>{sendings}</Fact>}
        </Facts>
      </section>
      <Preview message={message} />
      {resending && (
        <Act
          title={messages.resend}
          effects={[messages.willResend]}
          confirm={messages.resend}
          perform={async (once) => api.resendNotification({ id: message.id }, once)}
          done={again}
          onClose={() => setResending(false)}
        />
      )}
    </div>
  );
}

function Preview({ message }: { readonly message: Notification }): ReactNode {
  const { messages } = useText();
  const [look, setLook] = useState<'html' | 'text'>('html');
  const isMail = message.channel === 'email';
  return (
    <section className="card">
      <div className="bar">
        <h3 className="in-bar">{messages.preview}</h3>
        {isMail && (
          <SegmentedControl
            size="xs"
            ml="auto"
            aria-label={messages.preview}
            value={look}
            onChange={(value) => setLook(value as 'html' | 'text')}
            data={[
              { value: 'html', label: messages.asMail },
              { value: 'text', label: messages.asText },
            ]}
          />
        )}
      </div>
      {isMail && look === 'html' ? (
        // It may run nothing and reach nothing: neither this page nor others.
        <iframe className="mail" sandbox="" title={messages.preview} src={`/notifications/${message.id}?format=html`} />
      ) : (
        <pre className="data" tabIndex={0}>
          {message.body}
        </pre>
      )}
      {message.sendings > 1 && (
        <Text size="xs" className="dim">
          {messages.asWritten}
        </Text>
      )}
    </section>
  );
}
