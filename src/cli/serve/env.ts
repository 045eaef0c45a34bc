import type { Environment } from '#platform/runtime/settings.ts';
import { addressOf, type ClientOptions } from '#cli/client.ts';
import { print } from '#cli/output.ts';

/** `olms env`: where the running system is and the key to it, as a shell takes them. */
export async function printEnvironment(options: ClientOptions, env: Environment): Promise<void> {
  const { url, key } = await addressOf(options, env, { running: true });
  print(`export OLMS_URL=${quoted(url)} OLMS_API_KEY=${quoted(key)}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
