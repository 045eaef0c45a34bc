import { createTransport } from 'nodemailer';
import { type ChannelAdapter, messageKey, type OutgoingMessage, type SendOutcome } from './port.ts';

/**
 * E-mail by SMTP. SMTP has no transaction to share with a database: a mail whose answer was lost is sent once more, with
 * the same Message-ID, by which mail systems recognize a repeat.
 */

const CONNECTIONS = 10;
/** Mails over one connection before the next one is made, so that a mail server that came back behind a balancer gets its share. */
const MAILS_PER_CONNECTION = 200;
const CONNECTION_TIMEOUT_MS = 10_000;
const SOCKET_TIMEOUT_MS = 20_000;
/** For one mail with everything, however slowly the server trickles its answers. */
const MAIL_TIMEOUT_MS = 60_000;
/** Before anything of a mail was sent. */
const SETUP_TIMEOUTS: ReadonlySet<string> = new Set(['CONNECT_TIMEOUT', 'GREETING_TIMEOUT', 'UPGRADE_TIMEOUT']);
const IMAGE_DISPOSITION = 'inline';

/** DKIM (RFC 6376): the domain, the selector under which its DNS has the public key, and the private key as PEM. */
export interface Dkim {
  readonly domain: string;
  readonly selector: string;
  readonly privateKey: string;
}

export interface SmtpOptions {
  /** `smtp://…` or, with TLS from the first byte, `smtps://…`; user and password in it. */
  readonly url: string;
  readonly from: string;
  /** True: mails go out encrypted or not at all. */
  readonly requireTls: boolean;
  /** Certificates, as PEM, that the server's may be signed by; absent: those that Node.js trusts. */
  readonly ca?: string | undefined;
  readonly dkim?: Dkim | undefined;
}

interface SmtpError {
  readonly code?: string;
  readonly responseCode?: number;
  readonly syscall?: string;
  readonly timeoutType?: string;
}

/** The domain of a sender such as `Shop <orders@example.com>`; Message-IDs are made under it. */
export function domainOf(from: string): string {
  return /@([A-Za-z0-9.-]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';
}

/** How to reach the mail server; also for who only wants to know whether it is there. */
export function smtpConnection({ url, requireTls, ca }: Omit<SmtpOptions, 'from' | 'dkim'>) {
  return { url, requireTLS: requireTls, ...(ca !== undefined && { tls: { ca } }) };
}

function outcomeOf(error: SmtpError): SendOutcome {
  const { code, responseCode, syscall, timeoutType = '' } = error;
  const reason = [code ?? 'unknown error', responseCode].filter((part) => part !== undefined).join(' ');
  const isOfMessage = code === 'EENVELOPE' || code === 'EMESSAGE';
  if (isOfMessage && responseCode !== undefined && responseCode >= 500) return { type: 'refused', reason };
  const isOfServer =
    syscall === 'connect' || code === 'EDNS' || code === 'EAUTH' || code === 'ETLS' || SETUP_TIMEOUTS.has(timeoutType);
  return isOfServer ? { type: 'unreachable', reason } : { type: 'again', reason };
}

export function smtpChannel(options: SmtpOptions): ChannelAdapter {
  const { from, dkim } = options;
  const transport = createTransport({
    ...smtpConnection(options),
    pool: true,
    maxConnections: CONNECTIONS,
    maxMessages: MAILS_PER_CONNECTION,
    // What failed comes back to the database; a queue beside it would send it twice.
    maxRequeues: 0,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    greetingTimeout: CONNECTION_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(dkim && { dkim: { domainName: dkim.domain, keySelector: dkim.selector, privateKey: dkim.privateKey } }),
  });
  const domain = domainOf(from);
  return {
    name: 'email',
    atOnce: CONNECTIONS * 2,
    async send(message) {
      try {
        await transport.sendMail({
          from,
          // As an object the address is taken as it is; a text would be parsed, and a comma make two of it.
          to: { name: '', address: message.recipient },
          subject: message.subject,
          text: message.text,
          html: message.html,
          attachments: attachmentsOf(message),
          signal: AbortSignal.timeout(MAIL_TIMEOUT_MS),
          messageId: `<${messageKey(message)}@${domain}>`,
          date: new Date(message.createdAt),
          headers: {
            'Auto-Submitted': 'auto-generated',
            'Content-Language': message.language,
            'X-Order-Id': message.orderId,
          },
        });
        return { type: 'accepted' };
      } catch (error) {
        return outcomeOf(error as SmtpError);
      }
    },
    async close() {
      transport.close({ force: true });
    },
  };
}

function attachmentsOf({ images = [], attachments = [] }: OutgoingMessage) {
  return [
    ...images.map(({ id, filename, contentType, content }) => ({
      cid: id,
      filename,
      contentType,
      content,
      contentDisposition: IMAGE_DISPOSITION as 'inline',
    })),
    ...attachments.map(({ filename, contentType, content }) => ({ filename, contentType, content })),
  ];
}
