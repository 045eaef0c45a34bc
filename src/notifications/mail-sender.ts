import { setTimeout as sleep } from 'node:timers/promises';
import { createTransport } from 'nodemailer';
import { isoTime } from '#contracts/time.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import type { Database } from '#platform/database/database.ts';
import { isTransient } from '#platform/database/failures.ts';
import { startDuePoller } from '#platform/processor/due.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { Tracing } from '#platform/telemetry/tracing.ts';
import { htmlMail } from './html-mail.ts';
import { notificationsMetrics } from './metrics.ts';
import { type ClaimedMail, claimMails, type MailResult, markMails, nextMailMs } from './store.ts';

/**
 * Sends queued mails over SMTP. A mail is claimed in the database, then sent, then marked. A crash between
 * sending and marking sends it once more, with the same Message-ID, by which mail systems recognize a repeat:
 * SMTP has no transaction to share with a database, and a lost mail would be worse than a double one.
 */

const POLL_EVERY_MS = 5_000;
const MAILS_PER_CLAIM = 40;
const CONNECTIONS_MAX = 5;
const CONNECTION_TIMEOUT_MS = 10_000;
const SOCKET_TIMEOUT_MS = 20_000;
/** Longer than a claim of mails can take to be sent or to time out. */
const CLAIM_MS = 600_000;
/** Between attempts to note what was sent while the database is away. */
const MARK_AGAIN_MS = 500;
const ATTEMPTS_MAX = 8;
const BACKOFF_FIRST_MS = 10_000;
const BACKOFF_FACTOR = 4;
const BACKOFF_MAX_MS = 4 * 3_600_000;
/** How long stopping waits for mails under way; their claims bring them back if that is too short. */
const STOP_PATIENCE_MS = 5_000;

export interface MailSender {
  /** Mails were queued. */
  queued(): void;
  /** Resolves when no mail is left that could be sent now. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export interface MailSenderOptions {
  readonly smtpUrl: string;
  readonly from: string;
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracing?: Tracing | undefined;
  readonly metrics: Metrics;
}

/** Waiting time after a failed attempt; the first attempt is number 1. */
export function backoffMs(attempt: number): number {
  return Math.min(BACKOFF_FIRST_MS * BACKOFF_FACTOR ** (attempt - 1), BACKOFF_MAX_MS);
}

/** The domain of a sender such as `Shop <orders@example.com>`; Message-IDs are made under it. */
export function domainOf(from: string): string {
  return /@([A-Za-z0-9.-]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';
}

interface SmtpError {
  readonly code?: string;
  readonly responseCode?: number;
}

/** What is kept and logged of a failure: codes only, because a server's sentence repeats the recipient. */
function reasonOf({ code, responseCode }: SmtpError): string {
  return [code ?? 'unknown error', responseCode].filter((part) => part !== undefined).join(' ');
}

/** The server refused this mail for good; a repetition would only be refused too. */
function isDefinite({ code, responseCode }: SmtpError): boolean {
  return (code === 'EENVELOPE' || code === 'EMESSAGE') && responseCode !== undefined && responseCode >= 500;
}

export function startMailSender(options: MailSenderOptions): MailSender {
  const { smtpUrl, from, database, clock, logger, metrics, tracing } = options;
  const transport = createTransport({
    url: smtpUrl,
    pool: true,
    maxConnections: CONNECTIONS_MAX,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    greetingTimeout: CONNECTION_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = domainOf(from);
  const { outcomes } = notificationsMetrics(metrics);
  let stopping = false;

  const send = async (mail: ClaimedMail): Promise<MailResult> => {
    const attempt = { id: mail.id, attempts: mail.attempts };
    const span =
      mail.traceparent === null
        ? undefined
        : tracing?.begin('notifications mail', {
            kind: 'client',
            parent: mail.traceparent,
            attributes: {
              'olms.order.id': mail.orderId,
              'olms.notification.id': mail.id,
              'olms.event.type': mail.eventType,
            },
          });
    try {
      await transport.sendMail({
        from,
        // As an object the address is taken as it is; a text would be parsed, and a comma make two of it.
        to: { name: '', address: mail.recipient! },
        subject: mail.subject,
        text: mail.body,
        html: htmlMail(mail),
        messageId: `<${mail.id}@${domain}>`,
        date: new Date(mail.createdAt),
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Order-Id': mail.orderId },
      });
      span?.end();
      return {
        ...attempt,
        status: 'sent',
        detail: undefined,
        sentAt: isoTime(clock.nowMs()),
        nextAttemptAt: undefined,
      };
    } catch (error) {
      const failure = error as SmtpError;
      const detail = reasonOf(failure);
      span?.end(error as Error);
      const final = isDefinite(failure) || mail.attempts >= ATTEMPTS_MAX;
      logger.warn(
        { notificationId: mail.id, attempt: mail.attempts, reason: detail, final },
        'a mail was not accepted by the mail server',
      );
      const nextAttemptAt = final ? undefined : isoTime(clock.nowMs() + backoffMs(mail.attempts));
      return { ...attempt, status: final ? 'failed' : 'queued', detail, sentAt: undefined, nextAttemptAt };
    }
  };

  /** What was sent stays sent: only as long as the claim lasts can a database that is away be waited for. */
  const mark = async (results: readonly MailResult[], untilMs: number): Promise<void> => {
    for (;;) {
      try {
        await database.write([markMails(results)]);
        for (const { status } of results) outcomes.labels('email', status === 'queued' ? 'delayed' : status).inc();
        return;
      } catch (error) {
        if (!isTransient(error) || stopping || clock.nowMs() + MARK_AGAIN_MS > untilMs) throw error;
        await sleep(MARK_AGAIN_MS);
      }
    }
  };

  const poller = startDuePoller({
    name: 'mail-sender',
    everyMs: POLL_EVERY_MS,
    clock,
    logger,
    async run() {
      for (let full = true; full && !stopping;) {
        const nowMs = clock.nowMs();
        const mails = await claimMails(database, nowMs, nowMs + CLAIM_MS, MAILS_PER_CLAIM);
        full = mails.length === MAILS_PER_CLAIM;
        if (mails.length > 0) await mark(await Promise.all(mails.map(send)), nowMs + CLAIM_MS);
      }
      return nextMailMs(database);
    },
  });

  return {
    queued: () => poller.dueAt(0),
    settled: () => poller.settled(),
    async stop() {
      stopping = true;
      let patience: NodeJS.Timeout | undefined;
      await Promise.race([poller.stop(), new Promise((resolve) => (patience = setTimeout(resolve, STOP_PATIENCE_MS)))]);
      clearTimeout(patience);
      transport.close();
    },
  };
}
