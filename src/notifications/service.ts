import { join } from 'node:path';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { Processor } from '#platform/processor/processor.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { notificationsAudit } from './audit.ts';
import { notificationsDiagnosis } from './diagnosis.ts';
import { notificationsSettings } from './settings.ts';
import { type MailSender, startMailSender } from './mail-sender.ts';
import { measureMails, notificationCounter } from './metrics.ts';
import { notificationProjection } from './projection.ts';
import { notificationRoutes } from './routes.ts';
import { type Correspondence, type MailQueued, type Notification, notificationRules } from './rules.ts';
import { notificationStore, notifiedEvents } from './store.ts';

/** Nobody waits for a mail by the millisecond: lingering a moment makes the batches larger. */
const LINGER_MS = 20;

function partsOf(env: Environment): ProcessorParts<Correspondence, never, MailQueued, readonly Notification[]> {
  const { smtpUrl } = readSettings(notificationsSettings, env);
  return { name: 'notifications', rules: notificationRules({ mail: smtpUrl !== '' }), store: notificationStore };
}

/** E-mail, SMS and push for every event a customer cares about. */
export const notifications: ServiceDefinition = {
  name: 'notifications',
  summary: 'E-mail, SMS and push for every event a customer cares about',
  tags: [{ name: 'notifications', description: 'What customers were notified of' }],
  paths: [{ path: '/notifications' }, { path: '/notifications/*' }],
  migrations: join(import.meta.dirname, 'migrations'),
  settings: notificationsSettings,
  standIns: (env) =>
    readSettings(notificationsSettings, env).smtpUrl === ''
      ? ['mails: none is sent, they stay where GET /notifications shows them (SMTP_URL)']
      : [],
  replays: (env) => [replayable(partsOf(env), notificationProjection, notifiedEvents)],
  audit: notificationsAudit,
  diagnosis: notificationsDiagnosis,
  create({ env, database, bus, clock, logger, metrics, tracing }) {
    const { smtpUrl, mailFrom } = readSettings(notificationsSettings, env);
    let sender: MailSender | undefined;
    const processor = new Processor<Correspondence, never, MailQueued, readonly Notification[]>({
      ...partsOf(env),
      database,
      bus,
      clock,
      logger,
      metrics: metrics.processor('notifications'),
      tracing,
      perform: () => sender?.queued(),
      lingerMs: LINGER_MS,
      committed: notificationCounter(metrics),
    });
    measureMails(metrics, database, () => clock.nowMs());
    return {
      routes: (app) => notificationRoutes(app, { database }),
      consumer: processor,
      async start() {
        const sending = { smtpUrl, from: mailFrom, database, clock, logger, metrics, tracing };
        if (smtpUrl !== '') sender = startMailSender(sending);
        await processor.start();
      },
      async stop() {
        await sender?.stop();
        await processor.stop();
      },
      async settled() {
        await processor.settled();
        await sender?.settled();
      },
    };
  },
};
