import { join } from 'node:path';
import { INVOICE_AT } from '#contracts/shop.ts';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { trackingLinks } from '#platform/http/signed-links.ts';
import { WEBHOOK_MAX_BYTES } from '#platform/http/standard-webhooks.ts';
import { Processor } from '#platform/processor/processor.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { notificationsAudit } from './audit.ts';
import { notificationsDiagnosis } from './diagnosis.ts';
import { attachmentsOf } from './attachments.ts';
import { carriedChannels, openChannels } from './channels/channels.ts';
import type { Attachment, ChannelName, OutgoingMessage } from './channels/port.ts';
import { htmlOfNotification, languageOf } from './mail-html.ts';
import { measureQueues, notificationCounter, notificationsMetrics } from './metrics.ts';
import type { Claimed } from './outgoing.ts';
import { notificationProjection } from './projection.ts';
import { forgetSubscription, subscriptionsFor } from './push-subscriptions.ts';
import { pushRoutes } from './push-routes.ts';
import { resendRoutes } from './resend-routes.ts';
import { reportHeadProblem, reportRoutes, TWILIO_REPORTS } from './report-routes.ts';
import { notificationRoutes } from './routes.ts';
import {
  type Correspondence,
  type MessageQueued,
  type Notification,
  notificationRules,
  type Writing,
} from './rules.ts';
import { type Sender, startSender } from './sender.ts';
import { type NotificationsConfig, notificationsSettings, readConfig } from './settings.ts';
import { notificationStore, notifiedEvents } from './store.ts';
import { wordingIn } from './wording/wording.ts';

/** Nobody waits for a mail by the millisecond: lingering a moment makes the batches larger. */
const LINGER_MS = 20;

function partsOf(env: Environment): ProcessorParts<Correspondence, never, MessageQueued, readonly Notification[]> {
  const config = readConfig(env);
  const rules = notificationRules({ carried: carriedChannels(config), writing: config.writing });
  return { name: 'notifications', rules, store: notificationStore };
}

/** A message as it leaves. The link to the page of its order is made now: kept, it would open the order to whoever reads notifications. */
function messageOfRow(
  claimed: Claimed,
  { writing, logo }: NotificationsConfig,
  page: string | undefined,
  attachments: readonly Attachment[],
): OutgoingMessage {
  const { id, sendings, attempts, orderId, recipient, subject, body, channel, createdAt } = claimed;
  return {
    id,
    sending: sendings,
    attempt: attempts,
    orderId,
    recipient: recipient ?? '',
    subject,
    text: channel === 'email' && page !== undefined ? `${body}\n\n${pageLine(claimed, writing, page)}` : body,
    ...(channel === 'email' && {
      html: htmlOfNotification(claimed, writing, page),
      images: logo && [logo],
      attachments,
    }),
    language: claimed.language ?? writing.language,
    link: claimed.content?.link ?? page ?? writing.shop.url,
    createdAt,
  };
}

function pageLine({ language }: Claimed, { language: byDefault }: Writing, page: string): string {
  return `${wordingIn(languageOf(language, byDefault)).word('page')}: ${page}`;
}

/** E-mail, SMS and push for every event a customer cares about. */
export const notifications: ServiceDefinition = {
  name: 'notifications',
  summary: 'E-mail, SMS and push for every event a customer cares about',
  tags: [{ name: 'notifications', description: 'What customers were notified of' }],
  paths: [
    { path: '/notifications' },
    { path: '/notifications/*' },
    { path: '/push-subscriptions' },
    { path: '/push-subscriptions/*' },
    // Signed by the provider.
    { path: TWILIO_REPORTS, public: true, bodyMaxBytes: WEBHOOK_MAX_BYTES, refuse: reportHeadProblem },
  ],
  needs: ['documentsToMail'],
  migrations: join(import.meta.dirname, 'migrations'),
  settings: notificationsSettings,
  standIns: (env) =>
    readConfig(env).smtp === undefined
      ? ['mails: none is sent, they stay where GET /notifications shows them (SMTP_URL)']
      : [],
  replays: (env) => [replayable(partsOf(env), notificationProjection(readConfig(env).writing), notifiedEvents)],
  audit: notificationsAudit,
  diagnosis: notificationsDiagnosis,
  create({ env, database, bus, clock, logger, metrics, tracing, peers, publicUrl = () => '' }) {
    const config = readConfig(env);
    const invoicesParcels = readSettings({ at: INVOICE_AT } as const, env).at === 'dispatch';
    const links = trackingLinks(env);
    const pageOf = (orderId: string): string | undefined =>
      links && `${publicUrl()}/track/${links.sign(orderId, clock.nowMs()).token}`;
    const senders = new Map<ChannelName, Sender>();
    const processor = new Processor<Correspondence, never, MessageQueued, readonly Notification[]>({
      ...partsOf(env),
      database,
      bus,
      clock,
      logger,
      metrics: metrics.processor('notifications'),
      tracing,
      perform(queued) {
        for (const channel of queued) senders.get(channel)?.queued();
      },
      lingerMs: LINGER_MS,
      committed: notificationCounter(metrics),
    });
    measureQueues(metrics, database, () => clock.nowMs());
    return {
      routes(app) {
        notificationRoutes(app, { database, writing: config.writing, logo: config.logo });
        resendRoutes(app, {
          database,
          carried: carriedChannels(config),
          clock,
          queued: (channel) => senders.get(channel)?.queued(),
        });
        pushRoutes(app, { database, publicKey: config.vapid?.publicKey, services: config.pushServices, clock });
        reportRoutes(app, { database, twilio: config.twilio, clock, outcomes: notificationsMetrics(metrics).outcomes });
      },
      consumer: processor,
      async start() {
        const channels = openChannels(config, {
          subscriptionsOf: ({ orderId }) => subscriptionsFor(database, orderId),
          forget: (endpoint) => forgetSubscription(database, endpoint),
          nowMs: () => clock.nowMs(),
        });
        const shared = {
          async compose(claimed: Claimed) {
            const attachments = await attachmentsOf(claimed, { peers, invoicesParcels, logger });
            return messageOfRow(claimed, config, pageOf(claimed.orderId), attachments);
          },
          database,
          clock,
          logger,
          metrics,
          tracing,
        };
        for (const channel of channels) senders.set(channel.name, startSender({ channel, ...shared }));
        await processor.start();
      },
      async stop() {
        await Promise.all([...senders.values()].map((sender) => sender.stop()));
        await processor.stop();
      },
      async settled() {
        await processor.settled();
        for (const sender of senders.values()) await sender.settled();
      },
    };
  },
};
