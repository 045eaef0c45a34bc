import { setTimeout as sleep } from 'node:timers/promises';
import { isoTime } from '#contracts/time.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import type { Database } from '#platform/database/database.ts';
import { isTransient } from '#platform/database/failures.ts';
import { startDuePoller } from '#platform/processor/due.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { Tracing } from '#platform/telemetry/tracing.ts';
import { type ChannelAdapter, ComposeLater, type OutgoingMessage, type SendOutcome } from './channels/port.ts';
import { notificationsMetrics } from './metrics.ts';
import { type Claimed, claimMessages, markMessages, nextMessageMs, type SendResult } from './outgoing.ts';

/**
 * Sends what is queued for one channel. A message is claimed in the database, then sent, then marked; a crash between
 * sending and marking sends it once more under the same key (`messageKey`), by which whoever takes it recognizes a
 * repeat: none of them has a transaction to share with a database, and a lost message would be worse than a double one.
 */

const POLL_EVERY_MS = 5_000;
/** Longer than any adapter takes for all that it is given at once; so long the messages of a sender that died wait. */
const CLAIM_MS = 90_000;
/** Between attempts to note what was sent while the database is away. */
const MARK_AGAIN_MS = 500;
const ATTEMPTS_MAX = 8;
const BACKOFF_FIRST_MS = 10_000;
const BACKOFF_FACTOR = 4;
const BACKOFF_MAX_MS = 4 * 3_600_000;
/** While nobody takes anything, one message at a time tries whether somebody is back. */
const PAUSE_FIRST_MS = 500;
const PAUSE_MAX_MS = 30_000;
/** How long a message waits for somebody to be back. */
const GIVE_UP_MS = 86_400_000;
/** How long stopping waits for messages under way; their claims bring them back if that is too short. */
const STOP_PATIENCE_MS = 5_000;

export interface Sender {
  /** Messages were queued. */
  queued(): void;
  /** Resolves when no message is left that could be sent now. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export interface SenderOptions {
  readonly channel: ChannelAdapter;
  /** What a claimed message looks like by this channel: made when it is sent. */
  readonly compose: (claimed: Claimed) => OutgoingMessage | Promise<OutgoingMessage>;
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

export function startSender(options: SenderOptions): Sender {
  const { channel, compose, database, clock, logger, metrics, tracing } = options;
  const { outcomes } = notificationsMetrics(metrics);
  let stopping = false;
  let pauseMs = 0;
  let pausedUntilMs = 0;

  const pause = (): void => {
    pauseMs = Math.min(Math.max(pauseMs * 2, PAUSE_FIRST_MS), PAUSE_MAX_MS);
    pausedUntilMs = clock.nowMs() + pauseMs;
  };

  const attempt = async (claimed: Claimed): Promise<SendOutcome> => {
    const span =
      claimed.traceparent === null
        ? undefined
        : tracing?.begin(channel.name === 'email' ? 'notifications mail' : `notifications ${channel.name}`, {
            kind: 'client',
            parent: claimed.traceparent,
            attributes: {
              'olms.order.id': claimed.orderId,
              'olms.notification.id': claimed.id,
              'olms.event.type': claimed.eventType,
            },
          });
    let outcome: SendOutcome;
    try {
      outcome = await channel.send(await compose(claimed));
    } catch (error) {
      if (error instanceof ComposeLater) outcome = { type: 'again', reason: error.message };
      else {
        logger.error({ err: error, notificationId: claimed.id }, 'a message could not be composed');
        outcome = { type: 'again', reason: 'could not be composed' };
      }
    }
    if (outcome.type === 'accepted') span?.end();
    else span?.end(new Error(outcome.reason));
    return outcome;
  };

  const resultOf = (claimed: Claimed, outcome: SendOutcome): SendResult => {
    const { id, attempts } = claimed;
    const nowMs = clock.nowMs();
    if (outcome.type === 'accepted')
      return { id, attempts, status: 'sent', counted: true, sentAt: isoTime(nowMs), providerId: outcome.providerId };
    const { type, reason } = outcome;
    const isFinal =
      type === 'refused' ||
      (type === 'again' ? attempts >= ATTEMPTS_MAX : nowMs - Date.parse(claimed.queuedAt) >= GIVE_UP_MS);
    logger.warn(
      { notificationId: id, channel: channel.name, attempt: attempts, reason, final: isFinal },
      'a message was not accepted',
    );
    const counted = type !== 'unreachable';
    if (isFinal) return { id, attempts, status: 'failed', counted, detail: reason };
    const waitMs = type === 'again' ? Math.max(backoffMs(attempts), outcome.afterMs ?? 0) : pauseMs;
    return { id, attempts, status: 'queued', counted, detail: reason, nextAttemptAt: isoTime(nowMs + waitMs) };
  };

  /** What was sent stays sent: only as long as the claim lasts can a database that is away be waited for. */
  const mark = async (results: readonly SendResult[], untilMs: number): Promise<void> => {
    for (;;) {
      try {
        await database.write([markMessages(channel.name, results)]);
        for (const { status } of results) outcomes.labels(channel.name, status === 'queued' ? 'delayed' : status).inc();
        return;
      } catch (error) {
        if (!isTransient(error) || stopping || clock.nowMs() + MARK_AGAIN_MS > untilMs) throw error;
        await sleep(MARK_AGAIN_MS);
      }
    }
  };

  /** Whether there may be more. */
  const sendSome = async (): Promise<boolean> => {
    const limit = pauseMs === 0 ? channel.atOnce : 1;
    const nowMs = clock.nowMs();
    const claimed = await claimMessages(database, channel.name, { nowMs, untilMs: nowMs + CLAIM_MS, limit });
    if (claimed.length === 0) return false;
    const sent = await Promise.all(claimed.map(async (message) => ({ message, outcome: await attempt(message) })));
    if (sent.some(({ outcome }) => outcome.type !== 'unreachable')) pauseMs = 0;
    else pause();
    await mark(
      sent.map(({ message, outcome }) => resultOf(message, outcome)),
      nowMs + CLAIM_MS,
    );
    return pauseMs === 0 && claimed.length === limit;
  };

  const poller = startDuePoller({
    name: `${channel.name}-sender`,
    everyMs: POLL_EVERY_MS,
    clock,
    logger,
    async run() {
      if (pauseMs === 0 || pausedUntilMs <= clock.nowMs())
        for (let more = true; more && !stopping;) more = await sendSome();
      const nextMs = await nextMessageMs(database, channel.name);
      return pauseMs === 0 || nextMs === undefined ? nextMs : Math.max(nextMs, pausedUntilMs);
    },
  });

  return {
    queued: () => poller.dueAt(pauseMs === 0 ? 0 : pausedUntilMs),
    settled: () => poller.settled(),
    async stop() {
      stopping = true;
      let patience: NodeJS.Timeout | undefined;
      await Promise.race([poller.stop(), new Promise((resolve) => (patience = setTimeout(resolve, STOP_PATIENCE_MS)))]);
      clearTimeout(patience);
      await channel.close();
    },
  };
}
