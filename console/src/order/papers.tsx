import { Badge, Button, Modal, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type Notification, type Order, Problem } from '#client';
import { api } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { Failed, Loading, useMoney, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { Download } from './download.tsx';
import { Part, Table } from './part.tsx';

/** What the customer was sent, and the documents of the order. */

const TONES: Readonly<Record<string, string>> = { sent: 'green', failed: 'red', queued: 'blue', suppressed: 'gray' };

export function Messages({ order }: { readonly order: Order }): ReactNode {
  const { order: words, mail } = useText();
  const may = useMay();
  const client = useQueryClient();
  const [looking, setLooking] = useState<Notification>();
  const [again, setAgain] = useState<Notification>();
  const { id, contact } = order;
  return (
    <>
      <Part
        id={id}
        name="messages"
        title={words.messages}
        empty={words.noMessages}
        permission="notifications:read"
        read={() => api.listNotifications({ orderId: id })}
      >
        {(items) =>
          items.toReversed().map((message) => (
            <tr key={message.id}>
              <td>
                <Badge variant="light" tt="none" color={TONES[message.status] ?? 'gray'}>
                  {mail.status[message.status]}
                </Badge>
              </td>
              <td>
                {message.subject}
                <div className="dim">
                  {mail.channel[message.channel]} {message.recipient} · <When at={message.createdAt} />
                  {message.sendings > 1 && ` · ${mail.times(message.sendings)}`}
                </div>
                {message.detail !== null && (
                  <div className={message.status === 'failed' ? 'warn' : 'dim'}>{message.detail}</div>
                )}
              </td>
              <td className="num">
                <span className="bar end">
                  <Button
                    size="compact-xs"
                    variant="default"
                    onClick={() => setLooking(message)}
                    aria-label={`${mail.preview}: ${message.subject}`}
                  >
                    {mail.preview}
                  </Button>
                  {may('notifications:send') && message.channel !== 'none' && (
                    <Button
                      size="compact-xs"
                      variant="light"
                      onClick={() => setAgain(message)}
                      aria-label={`${mail.resend}: ${message.subject}`}
                    >
                      {mail.resend}
                    </Button>
                  )}
                </span>
              </td>
            </tr>
          ))
        }
      </Part>
      {looking && <Preview message={looking} onClose={() => setLooking(undefined)} />}
      {again && (
        <Act
          title={`${mail.resend} · ${order.number}`}
          effects={[
            mail.willSend(
              again.subject,
              mail.channel[again.channel] ?? again.channel,
              addressOf(again, contact) ?? mail.nowhere,
            ),
            ...(again.status === 'sent' ? [mail.twice] : []),
          ]}
          perform={(once) => api.resendNotification({ id: again.id }, once)}
          done={() => client.invalidateQueries({ queryKey: ['order', id] })}
          confirm={mail.resend}
          onClose={() => setAgain(undefined)}
        />
      )}
    </>
  );
}

/** Where a message goes if it is sent again: where the contact of the order says now. */
function addressOf({ channel, recipient }: Notification, contact: Order['contact']): string | undefined {
  if (channel === 'email') return contact?.email;
  if (channel === 'sms') return contact?.phone;
  return recipient ?? undefined;
}

function Preview({ message, onClose }: { readonly message: Notification; readonly onClose: () => void }): ReactNode {
  const { common, mail } = useText();
  return (
    <Modal opened onClose={onClose} size="xl" title={message.subject} closeButtonProps={{ 'aria-label': common.close }}>
      {message.channel === 'email' || message.channel === 'none' ? (
        // Whatever is in a mail, it may do nothing here.
        <iframe
          className="letter"
          sandbox=""
          src={`/notifications/${message.id}?format=html`}
          title={mail.asItLooks(message.subject)}
        />
      ) : (
        <pre className="letter-text" tabIndex={0}>
          {message.body}
        </pre>
      )}
    </Modal>
  );
}

/** Invoices with their credit notes, as they were issued. */
export function Documents({ order }: { readonly order: Order }): ReactNode {
  const { order: words, paper } = useText();
  const may = useMay();
  const money = useMoney();
  const { id, currency } = order;
  const returns = may('slips:read') ? order.returns : [];
  const allowed = may('invoices:read');
  // Nothing is invoiced that has not left.
  const sold = order.status === 'COMPLETED' || order.shipments.length > 0;
  const invoice = useQuery({
    queryKey: ['order', id, 'invoice'],
    async queryFn() {
      try {
        return await api.readInvoice({ id });
      } catch (error) {
        if (error instanceof Problem && error.status === 404) return null;
        throw error;
      }
    },
    enabled: allowed && sold,
  });
  if (!allowed && returns.length === 0) return null;
  const found = invoice.data;
  const documents = found
    ? [
        ...[found, ...(found.furtherInvoices ?? [])].map(({ invoiceNumber, issuedAt, totalAmount }) => ({
          kind: paper.invoice,
          number: invoiceNumber,
          issuedAt,
          amount: totalAmount,
        })),
        ...found.creditNotes.map(({ creditNoteNumber, issuedAt, amount }) => ({
          kind: paper.creditNote,
          number: creditNoteNumber,
          issuedAt,
          amount: `-${amount}`,
        })),
      ]
    : [];
  return (
    <section className="card">
      <h2>{words.documents}</h2>
      {allowed && sold && invoice.isPending ? (
        <Loading rows={1} />
      ) : invoice.error ? (
        <Failed error={invoice.error} retry={() => void invoice.refetch()} />
      ) : (
        documents.length === 0 &&
        returns.length === 0 && (
          <Text size="sm" className="dim">
            {paper.none}
          </Text>
        )
      )}
      {(documents.length > 0 || returns.length > 0) && (
        <Table label={words.documents}>
          <tbody>
            {documents.map(({ kind, number, issuedAt, amount }) => (
              <tr key={number}>
                <td>{kind}</td>
                <td>
                  <code>{number}</code>{' '}
                  <span className="dim">
                    · <When at={issuedAt} />
                  </span>
                </td>
                <td className="num">
                  {money(amount, currency)}
                  <span className="bar end">
                    <Download path={`/invoices/${number}`} as="application/pdf" name={`${number}.pdf`}>
                      PDF
                    </Download>
                    <Download path={`/invoices/${number}`} as="application/xml" name={`${number}.xml`}>
                      XML
                    </Download>
                  </span>
                </td>
              </tr>
            ))}
            {returns.map(({ returnId, reason }) => (
              <tr key={returnId}>
                <td>{paper.returnSlip}</td>
                <td className="dim">{reason}</td>
                <td className="num">
                  {paper.toPrint}
                  <Download
                    path={`/orders/${id}/returns/${returnId}/slip`}
                    as="application/pdf"
                    name={`return-${order.number}.pdf`}
                  >
                    PDF
                  </Download>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </section>
  );
}
