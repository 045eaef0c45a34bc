import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem, type System } from '#system/system.ts';
import { freePort } from './ports.ts';
import type { TestEnvironment } from './system.ts';

/** A system in this process on a data folder of its own, for tests of the commands that run beside one. */
export class FolderSystem {
  readonly folder: string;
  readonly env: Record<string, string>;
  system!: System;

  private constructor(folder: string, env: Record<string, string>) {
    this.folder = folder;
    this.env = env;
  }

  /** `key` is its admin key; `settings` are beside those of the folder. */
  static async start(key: string, settings: TestEnvironment = {}): Promise<FolderSystem> {
    const folder = await mkdtemp(join(tmpdir(), 'olms-folder-'));
    const started = new FolderSystem(folder, {
      PORT: '0',
      OLMS_DATA: join(folder, 'data'),
      OLMS_BOOTSTRAP_API_KEY: key,
      SANDBOX_PROVIDER_PORT: String(await freePort()),
      ...settings,
    });
    await started.#begin();
    return started;
  }

  /** Stops it, and starts it on the same data with other settings beside its own. */
  async restart(settings: TestEnvironment): Promise<System> {
    await this.system.stop();
    return this.#begin(settings);
  }

  /** Stops it, and removes its data. */
  async remove(): Promise<void> {
    await this.system.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #begin(settings: TestEnvironment = {}): Promise<System> {
    const logger = createLogger(process.env['TEST_LOG_LEVEL'] ?? 'silent');
    this.system = await startSystem({ env: { ...this.env, ...settings }, logger });
    return this.system;
  }
}
