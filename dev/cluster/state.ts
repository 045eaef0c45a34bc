import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { usablePort } from '#platform/runtime/listen.ts';

/** What a cluster keeps from one start to the next, in `state.json` of its folder: its secrets, and the port of each process. */
export class ClusterState {
  readonly internalSecret: string;
  readonly webhookSecret: string;
  readonly ports: Record<string, number>;
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, 'state.json');
    const kept = existsSync(this.#file)
      ? (JSON.parse(readFileSync(this.#file, 'utf8')) as Pick<
          ClusterState,
          'internalSecret' | 'webhookSecret' | 'ports'
        >)
      : undefined;
    this.internalSecret = kept?.internalSecret ?? randomBytes(32).toString('base64url');
    this.webhookSecret = kept?.webhookSecret ?? `whsec_${randomBytes(24).toString('base64')}`;
    this.ports = kept?.ports ?? {};
  }

  save(): void {
    const { internalSecret, webhookSecret, ports } = this;
    writeJson(this.#file, { internalSecret, webhookSecret, ports });
  }

  /** The port of a process: the one preferred, or that of the last start, unless another program has it now. */
  async portOf(name: string, preferred = this.ports[name] ?? 0): Promise<number> {
    const taken = new Set(
      Object.entries(this.ports)
        .filter(([other]) => other !== name)
        .map(([, port]) => port),
    );
    let port = await usablePort(preferred);
    while (taken.has(port)) port = await usablePort(0);
    this.ports[name] = port;
    return port;
  }
}

/** Writes a file of JSON that is there whole or not at all, readable for this user only. */
export function writeJson(file: string, content: unknown): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
