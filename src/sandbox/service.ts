import { join } from 'node:path';
import { AT_INTERVAL, type DuePoller, startDuePoller } from '#platform/processor/due.ts';
import type { Service, ServiceDefinition, ServiceDependencies } from '#platform/service.ts';
import { readConfig, settings } from './settings.ts';
import { createProvider } from './provider.ts';
import type { Charge } from './rules.ts';
import { documentOf, SandboxServer } from './server.ts';
import { sendWebhook } from './webhook.ts';

const WAKE_EVERY_MS = 1_000;
const WAKE_MAX = 200;

/** The outside world for tests, demos and development: a payment provider with books of its own. */
export const sandbox: ServiceDefinition = {
  name: 'sandbox',
  summary: 'The outside world for tests, demos and development: a payment provider with books of its own',
  replicas: 'one',
  migrations: join(import.meta.dirname, 'migrations'),
  settings,
  create({ env, database, clock, logger, ...process }: ServiceDependencies): Service {
    const config = readConfig(env, process);
    const provider = createProvider(database, () => clock.nowMs(), config.webhookDelayMs);
    let webhooks: DuePoller | undefined;
    const server = new SandboxServer({
      provider,
      host: config.host,
      port: config.port,
      slowMs: config.slowMs,
      outage: config.outage,
      secret: config.webhookSecret,
      logger,
      // A run in progress is followed by the regular one within a second.
      onDue: ({ wakeAt }) => wakeAt !== null && !webhooks?.running && webhooks?.dueAt(wakeAt),
    });

    async function notify(charge: Charge): Promise<void> {
      const now = clock.nowMs();
      const payload = {
        type: `charge.${charge.status}`,
        timestamp: new Date(now).toISOString(),
        data: documentOf(charge),
      };
      const delivered =
        config.webhookSecret !== '' &&
        (await sendWebhook(config.webhookUrl(), config.webhookSecret, `msg_${charge.id}`, now, payload));
      await provider.webhookSent(charge, delivered);
    }
    async function wake(): Promise<void> {
      const charges = await provider.wake(WAKE_MAX);
      await Promise.all(charges.map((charge) => notify(charge)));
    }

    return {
      async start() {
        if (!config.runs) return;
        await server.start();
        webhooks = startDuePoller({
          name: 'sandbox-webhooks',
          everyMs: WAKE_EVERY_MS,
          firstDueMs: AT_INTERVAL,
          clock,
          logger,
          run: wake,
        });
      },
      async stop() {
        if (!webhooks) return;
        await webhooks.stop();
        await server.stop();
      },
    };
  },
};
