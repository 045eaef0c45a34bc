import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '#platform/runtime/settings.ts';
import { type ApiClient, type ClientOptions, withClient } from '#cli/client.ts';
import { ageOf, minuteOf, print, printJson, table } from '#cli/output.ts';
import { namesOf, orderNamed } from './find.ts';

/** `olms park …`: orders whose event a service could not digest, and what to do about them. */

export interface ParkOptions extends ClientOptions {
  readonly json?: boolean;
}

export async function listParked(options: ParkOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const { items: parked } = await client.listParkedOrders();
    if (options.json) return printJson(parked);
    if (parked.length === 0) return print('no order is parked');
    const nameOf = await namesOf(
      client,
      parked.map(({ orderId }) => orderId),
    );
    const rows = parked.map((entry) => [
      entry.consumer,
      nameOf(entry.orderId),
      entry.eventType,
      entry.events,
      minuteOf(entry.parkedAt),
      ageOf(entry.parkedAt),
      entry.reason,
    ]);
    print(
      table(['service', 'order', 'event', 'waiting', 'since', 'age', 'reason'], rows, {
        flexible: ['reason'],
        wrap: true,
      }),
    );
  });
}

/** Tries the first parked event of an order again, or leaves it out; the events behind it follow. */
export async function unpark(
  action: 'retry' | 'skip',
  consumer: string,
  order: string,
  options: ParkOptions & { readonly reason?: string },
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) =>
    give(client, action, consumer, await orderNamed(client, order), undefined, options),
  );
}

export interface EditOptions extends ParkOptions {
  readonly data?: string;
  readonly dataFile?: string;
}

/** Tries the parked event again with other data: given, or edited in $EDITOR. */
export async function editParked(
  consumer: string,
  order: string,
  options: EditOptions,
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const orderId = await orderNamed(client, order);
    const text =
      options.data ??
      (options.dataFile === undefined
        ? await edited(client, consumer, orderId, env)
        : await readFile(options.dataFile, 'utf8'));
    await give(client, 'retry', consumer, orderId, jsonOf(text), options);
  });
}

async function give(
  client: ApiClient,
  action: 'retry' | 'skip',
  consumer: string,
  orderId: string,
  data: unknown,
  options: ParkOptions & { readonly reason?: string },
): Promise<void> {
  const { reason } = options;
  const body = { ...(data !== undefined && { data }), ...(reason !== undefined && { reason }) };
  const answer = await client[action === 'retry' ? 'retryParkedOrder' : 'skipParkedOrder']({ consumer, orderId }, body);
  if (options.json) printJson(answer);
  else
    print(
      answer.left === 0
        ? 'nothing of this order is parked any more'
        : `${answer.left} events of this order are still parked`,
    );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The data is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

async function edited(client: ApiClient, consumer: string, orderId: string, env: Environment): Promise<string> {
  const parked = (await client.listParkedOrders()).items.find(
    (entry) => entry.consumer === consumer && entry.orderId === orderId,
  );
  if (!parked) throw new Error(`${consumer} has no parked event of order ${orderId}.`);
  const { items } = await client.listOrderEvents({ id: orderId });
  const event = items.find(({ id }) => id === parked.eventId);
  const editor = env['VISUAL'] || env['EDITOR'];
  if (!editor) throw new Error('Give the data with --data or --data-file, or set EDITOR.');
  const folder = await mkdtemp(join(tmpdir(), 'olms-park-'));
  try {
    const file = join(folder, `${parked.eventType}.json`);
    await writeFile(file, `${JSON.stringify(event?.data ?? {}, undefined, 2)}\n`, { mode: 0o600 });
    // $EDITOR may carry options ("code --wait"), so it is the shell's to split.
    const { status } = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
    if (status !== 0) throw new Error('The editor failed; nothing was changed.');
    return await readFile(file, 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
