import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '#cli/client.ts';
import { print } from '#cli/output.ts';
import { dev } from '#cli/serve/start.ts';
import { listenError, tryPort, urlOf } from '#platform/runtime/listen.ts';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { processSettings } from '#system/settings.ts';
import { runStories } from './stories.ts';

/**
 * `olms demo` (npm run demo): the system of `npm start` with products, stock, and a stream of orders in every kind of
 * path, until it is stopped. Some are left for a while for a person to decide. The seed decides everything but ids and times.
 */

export interface DemoOptions {
  /** Orders per second. */
  readonly rate: number;
  /** How many; without it the stream does not end. */
  readonly orders?: number;
  readonly seed: number;
}

const CARRIER_DELAY_MS = '4000';
const PROVIDERS = 'sandbox,manual';
const READY_PATIENCE_MS = 120_000;

export async function demo(env: Environment, options: DemoOptions): Promise<void> {
  const settings = readSettings(processSettings, env);
  // Orders must not go to a system that runs there already.
  const port = await tryPort(settings.port, settings.host).catch((error: unknown) => {
    throw listenError(error, { ...settings, portSetting: 'PORT', hostSetting: 'HOST' });
  });
  const carrier = env['SANDBOX_CARRIER_DELAY_MS'] || CARRIER_DELAY_MS;
  const demoEnv: Environment = {
    ...env,
    PORT: String(port),
    SANDBOX_CARRIER_DELAY_MS: carrier,
    PAYMENTS_PROVIDERS: env['PAYMENTS_PROVIDERS'] || PROVIDERS,
    OLMS_API_KEY: undefined,
  };
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const visit = async (): Promise<void> => {
    const url = urlOf(settings.host, port);
    await untilReady(url, stopping.signal);
    const client = await connect({ url }, demoEnv);
    await runStories(client, { ...options, signal: stopping.signal, report: print });
    await client.close();
    if (!stopping.signal.aborted) print(`\n  ${options.orders} orders placed; the system runs on. Ctrl-C stops it.\n`);
  };
  const visiting = visit().catch((error: unknown) => {
    if (!stopping.signal.aborted) process.stderr.write(`demo: ${(error as Error).message}\n`);
  });
  try {
    await dev(demoEnv);
  } finally {
    stopping.abort();
    await visiting;
  }
}

async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; waitedMs < READY_PATIENCE_MS; waitedMs += 200) {
    const answer = await fetch(`${url}/health/readiness`, { signal }).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(200, undefined, { signal });
  }
  throw new Error('the system did not become ready');
}
