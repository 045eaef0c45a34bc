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

/** A client of the system that options and environment name; the key may be the one `npm start` generated. */
export async function connect(options: ClientOptions, env: Environment, connections?: number): Promise<ApiClient> {
  const { dataFolder } = readSettings(processSettings, env);
  const { bootstrapApiKey } = readSettings(gatewaySettings, env);
  const named = readSettings(clientSettings, env);
  const url = options.url ?? (named.url || whereItRuns(env, dataFolder));
  const key = options.key ?? (named.apiKey || bootstrapApiKey || (await generatedKey(dataFolder)));
  if (!key) throw new Error('Name an API key with --key or OLMS_API_KEY; `npm start` prints one.');
  return new ApiClient(url, key, connections);
}

/** What PORT says, else the system that runs on the data folder, else the port of `npm start`. */
function whereItRuns(env: Environment, dataFolder: string): string {
  const { port, host } = readSettings(processSettings, env);
  const named = env[processSettings.port.env] ? port : 0;
  if (named > 0) return urlOf(host, named);
  return findRunning(dataFolder)?.url ?? urlOf(host, processSettings.port.default);
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
