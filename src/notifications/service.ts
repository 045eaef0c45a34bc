import { join } from 'node:path';
import { type Environment, readSettings } from '#platform/config.ts';
import { Lane } from '#platform/lane.ts';
import { type LaneParts, laneReplay } from '#platform/replay.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { notificationsSettings } from './config.ts';
import { type MailSender, startMailSender } from './mail-sender.ts';
import { notificationProjection } from './projection.ts';
import { notificationRoutes } from './routes.ts';
import { type Correspondence, type MailQueued, type Notification, notificationRules } from './rules.ts';
import { notificationStore, toldEvents } from './store.ts';

/** Nobody waits for a mail by the millisecond: a moment's company makes the sets larger. */
const LINGER_MS = 20;

function partsOf(env: Environment): LaneParts<Correspondence, never, MailQueued, readonly Notification[]> {
  const { smtpUrl } = readSettings(notificationsSettings, env);
  return { name: 'notifications', rules: notificationRules({ mail: smtpUrl !== '' }), store: notificationStore };
}

/** E-mail, SMS and push for every event a customer cares about. */
export const notifications: ServiceDefinition = {
  name: 'notifications',
  migrations: join(import.meta.dirname, 'migrations'),
  settings: notificationsSettings,
  replays: (env) => [laneReplay(partsOf(env), notificationProjection, toldEvents)],
  create({ env, database, bus, clock, logger, metrics }) {
    const { smtpUrl, mailFrom } = readSettings(notificationsSettings, env);
    let sender: MailSender | undefined;
    const lane = new Lane<Correspondence, never, MailQueued, readonly Notification[]>({
      ...partsOf(env),
      database,
      bus,
      clock,
      logger,
      metrics: metrics.lane('notifications'),
      perform: () => sender?.wake(),
      lingerMs: LINGER_MS,
    });
    return {
      routes: (app) => notificationRoutes(app, { database }),
      consumer: lane,
      async start() {
        if (smtpUrl !== '') sender = startMailSender({ smtpUrl, from: mailFrom, database, clock, logger });
        await lane.start();
      },
      async stop() {
        await sender?.stop();
        await lane.stop();
      },
      async settled() {
        await lane.settled();
        await sender?.settled();
      },
    };
  },
};
