import type { ApiKey } from '#client/types.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import { type ApiClient, type ClientOptions, withClient } from '#cli/client.ts';
import { facts, minuteOf, print, printJson, table } from '#cli/output.ts';

/** `olms keys …`: who may call the API, over the API. A key is printed once, by itself on standard output. */

type CreateKey = Parameters<ApiClient['createApiKey']>[0];

export interface KeyOptions extends ClientOptions {
  readonly json?: boolean;
}

export async function listKeys(options: KeyOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const { items: keys } = await client.listApiKeys();
    if (options.json) return printJson(keys);
    if (keys.length === 0) return print('there is no key beside the one of the settings');
    const rows = keys.map((key) => [
      key.name,
      key.prefix,
      rightsOf(key),
      key.lastUsedAt === undefined ? 'never' : minuteOf(key.lastUsedAt),
      endOf(key),
    ]);
    print(table(['name', 'begins with', 'may', 'last used', 'good until'], rows, { flexible: ['may'] }));
  });
}

function rightsOf({ role, scopes, customer }: ApiKey): string {
  if (scopes && scopes.length > 0) return scopes.join(', ');
  return customer === undefined ? role : `${role} ${customer}`;
}

function endOf({ revokedAt, expiresAt }: ApiKey): string {
  if (revokedAt !== null) return `revoked ${minuteOf(revokedAt)}`;
  return expiresAt === undefined ? '' : minuteOf(expiresAt);
}

export interface CreateKeyOptions extends KeyOptions {
  readonly role?: string;
  readonly scope?: readonly string[];
  readonly customer?: string;
  readonly expiresAt?: string;
}

export async function createKey(name: string, options: CreateKeyOptions, env: Environment): Promise<void> {
  const { role, scope: scopes, customer, expiresAt } = options;
  await withClient(options, env, async (client) => {
    // What a role and a scope may be the API says, which knows them in its own version.
    const made = await client.createApiKey({ name, role, scopes, customer, expiresAt } as CreateKey);
    if (options.json) return printJson(made);
    show(made.key, [['good until', made.expiresAt && minuteOf(made.expiresAt)]]);
  });
}

export interface RotateKeyOptions extends KeyOptions {
  readonly overlap?: number;
}

export async function rotateKey(name: string, options: RotateKeyOptions, env: Environment): Promise<void> {
  const { overlap } = options;
  await withClient(options, env, async (client) => {
    const rotated = await client.rotateApiKey({ name }, overlap === undefined ? {} : { overlapSeconds: overlap });
    if (options.json) return printJson(rotated);
    show(rotated.key, [['the former one is good until', minuteOf(rotated.previousUntil)]]);
  });
}

export async function revokeKey(name: string, options: KeyOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    await client.revokeApiKey({ name });
    if (options.json) return printJson({ name, revoked: true });
    print(`${name} opens nothing any more, at the latest in ten seconds`);
  });
}

/** The key alone on standard output, for a pipe; what else is to know beside it. */
function show(key: string, more: readonly (readonly [string, unknown])[]): void {
  print(key);
  const text = facts([['shown this once', 'keep it where secrets are kept'], ...more]);
  process.stderr.write(`${text}\n`);
}
