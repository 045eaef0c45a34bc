import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Pool } from 'undici';
import {
  type Answer,
  type Call,
  type ChangeOptions,
  type Fetch,
  OlmsClient,
  UnreachableError,
} from '#client/client.ts';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { gatewaySettings } from '#gateway/settings.ts';
import { urlOf } from '#platform/runtime/listen.ts';
import { clientSettings, processSettings } from '#system/settings.ts';
import { findRunning } from './running.ts';

/** How the commands of `olms` talk to a running system: its HTTP API, with a key, patiently. */

export interface ClientOptions {
  readonly url?: string | undefined;
  readonly key?: string | undefined;
}

/** The client of the API over connections of its own, so that a command ends when it closes it. */
export class ApiClient extends OlmsClient {
  readonly #pool: Pool;

  constructor(url: string, key: string, connections = 4) {
    const pool = new Pool(new URL(url).origin, { connections });
    // A command waits as long as its patience allows, however often that is.
    super({ url, key, attempts: Infinity, fetch: over(pool) });
    this.#pool = pool;
  }

  override async send(call: Call, options?: ChangeOptions<string>): Promise<Answer> {
    try {
      return await super.send(call, options);
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      throw new UnreachableError(`${error.message}. Is the system running? npm start`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

/** `fetch` over a pool: with a fixed number of connections, and at half of the work of the one that is built in. */
function over(pool: Pool): Fetch {
  return async (url, { method, headers, body = null, signal }) => {
    const { pathname, search } = new URL(url);
    const answer = await pool.request({ method: method as 'GET', path: `${pathname}${search}`, headers, body, signal });
    return {
      status: answer.statusCode,
      headers: { get: (name) => answer.headers[name]?.toString() ?? null },
      text: () => answer.body.text(),
    };
  };
}

/** The base URL that options or environment name, else that of the system that runs on OLMS_DATA; undefined where none does. */
export function urlFor(options: ClientOptions, env: Environment): string | undefined {
  const { dataFolder, port, host } = readSettings(processSettings, env);
  const { url: namedUrl } = readSettings(clientSettings, env);
  const named =
    options.url ?? (namedUrl || (env[processSettings.port.env] && port > 0 ? urlOf(host, port) : undefined));
  return named ?? findRunning(dataFolder)?.url;
}

/**
 * The base URL and the key of the system that options and environment name; the key may be the one `npm start`
 * generated. With `running`, a URL that nobody named is that of a system that runs, or an error.
 */
export async function addressOf(
  options: ClientOptions,
  env: Environment,
  { running = false } = {},
): Promise<{ url: string; key: string }> {
  const { dataFolder, host } = readSettings(processSettings, env);
  const { bootstrapApiKey } = readSettings(gatewaySettings, env);
  const { apiKey } = readSettings(clientSettings, env);
  const url = urlFor(options, env);
  if (running && url === undefined)
    throw new Error(
      `No system runs on the data in ${dataFolder}. Start one with npm start, or name its folder by OLMS_DATA.`,
    );
  const key = options.key ?? (apiKey || bootstrapApiKey || (await generatedKey(dataFolder)));
  if (!key) throw new Error('Name an API key with --key or OLMS_API_KEY; `npm start` prints one.');
  return { url: url ?? urlOf(host, processSettings.port.default), key };
}

/** A client of the system that {@link addressOf} finds. */
export async function connect(options: ClientOptions, env: Environment, connections?: number): Promise<ApiClient> {
  const { url, key } = await addressOf(options, env);
  return new ApiClient(url, key, connections);
}

async function generatedKey(dataFolder: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataFolder, 'api-key'), 'utf8')).trim();
  } catch {
    return undefined;
  }
}

/** Runs a piece of work with a client and closes it, whatever happens. */
export async function withClient<Result>(
  options: ClientOptions,
  env: Environment,
  work: (client: ApiClient) => Promise<Result>,
): Promise<Result> {
  const client = await connect(options, env);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
