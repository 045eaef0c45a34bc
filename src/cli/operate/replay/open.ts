import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { Database } from '#platform/database/database.ts';
import { kafkaReplayLog } from '#platform/kafka/rewind.ts';
import { kafkaSettings } from '#platform/kafka/settings.ts';
import { postgresReplayLog } from '#platform/log/postgres-rewind.ts';
import { RELAY_CONSUMER } from '#platform/kafka/relay.ts';
import { CannotReplay, type ReplayLog } from '#platform/log/rewind.ts';
import type { Replayable } from '#platform/processor/preview.ts';
import { directDatabaseUrlOf, processSettings } from '#system/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { consumersOf, SERVICES } from '#system/services.ts';
import { openStored } from '#cli/operate/stored.ts';

/** A consumer, its database, and the log it reads, as the environment says; beside the running system or without it. */
export interface OpenReplay extends AsyncDisposable {
  readonly replayable: Replayable;
  readonly database: Database;
  readonly log: ReplayLog;
  /** The log is a topic. */
  readonly kafka: boolean;
}

/** One for questions, one for the transactions of a rebuild. */
const POOL_SIZE = 2;
const STATEMENT_TIMEOUT_MS = 600_000;

export async function openReplay(
  consumer: string,
  env: Environment,
  definitions: readonly ServiceDefinition[] = SERVICES,
): Promise<OpenReplay> {
  const { service, replayable } = find(consumer, env, definitions);
  const kafka = readSettings(kafkaSettings, env);
  // Transactions, locks and tables that last as long as a session: past a pooler.
  const url = directDatabaseUrlOf(service, env);
  const embedded = url === '' ? await openStored(readSettings(processSettings, env).dataFolder) : undefined;
  const database = new Database({
    url: embedded?.url ?? url,
    poolSize: POOL_SIZE,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    applicationName: 'olms-replay',
  });
  const close = async (): Promise<void> => {
    await database.close();
    await embedded?.stop();
  };
  try {
    const log = kafka.brokers === '' ? postgresReplayLog(database) : kafkaReplayLog(kafka);
    return {
      replayable,
      database,
      log,
      kafka: kafka.brokers !== '',
      async [Symbol.asyncDispose]() {
        await log.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function find(
  consumer: string,
  env: Environment,
  definitions: readonly ServiceDefinition[],
): { service: string; replayable: Replayable } {
  const known = consumersOf(definitions, env);
  const found = known.find(({ replayable }) => replayable.consumer === consumer);
  if (found) return found;
  if (consumer === RELAY_CONSUMER)
    throw new CannotReplay(
      'RELAY',
      'The relay publishes and consumes nothing: what it has published is on the topic, where each service can read it again. An order it parked is released with "olms park".',
    );
  throw new CannotReplay(
    'NO_SUCH_CONSUMER',
    `Nothing named ${consumer} reads the log. There are: ${known.map(({ replayable }) => replayable.consumer).join(', ')}.`,
  );
}
