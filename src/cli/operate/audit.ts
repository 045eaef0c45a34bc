import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { Database } from '#platform/database/database.ts';
import { startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { sandboxUrl } from '#sandbox/settings.ts';
import { processSettings } from '#system/settings.ts';
import { print, printJson, Progress, table } from '#cli/output.ts';
import { auditDatabase, type AuditReport } from './audit/auditor.ts';

export type { AuditReport } from './audit/auditor.ts';
export { type Check, CHECKS } from './audit/checks.ts';

/**
 * `olms audit`: does everything that is stored agree? It reads the tables of all services in one snapshot,
 * in batches, beside a running system. Within a service the snapshot is exact, because every save is one
 * statement. Between services an event may be on its way: such a finding counts once the service has read
 * the event behind it, or, where that is not known, when nothing about the order has changed for a while.
 */

export interface AuditOptions {
  readonly json?: boolean;
  readonly providerUrl?: string;
  /** Seconds. */
  readonly patience?: number;
  /** Every service there is. */
  readonly definitions?: readonly ServiceDefinition[];
}

const PATIENCE_S = 10;
const STATEMENT_TIMEOUT_MS = 600_000;

export async function audit(options: AuditOptions, env: Environment): Promise<void> {
  const report = await runAudit(options, env);
  if (options.json) printJson(report);
  else print(textOf(report));
  if (!report.ok) process.exitCode = 1;
}

/** Audits the database of DATABASE_URL, or the embedded one, running or not. */
export async function runAudit(options: AuditOptions, env: Environment): Promise<AuditReport> {
  const config = readSettings(processSettings, env);
  const dataDir = join(config.dataFolder, 'postgres');
  if (config.databaseUrl === '' && !existsSync(dataDir))
    throw new Error(`There is no data in ${config.dataFolder}; name it with OLMS_DATA, or set DATABASE_URL.`);
  const embedded = config.databaseUrl === '' ? await startEmbeddedPostgres({ dataDir }) : undefined;
  const database = new Database({
    url: embedded?.url ?? config.databaseUrl,
    poolSize: 1,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    applicationName: 'olms-audit',
  });
  const progress = new Progress();
  try {
    const limits = {
      providerUrl: options.providerUrl ?? sandboxUrl(env),
      patienceMs: (options.patience ?? PATIENCE_S) * 1000,
    };
    return await auditDatabase(database, limits, progress, options.definitions);
  } finally {
    progress.end();
    await database.close();
    await embedded?.stop();
  }
}

function textOf({ ok, orders, seconds, checks }: AuditReport): string {
  const rows = checks.map(({ examined, violations, moving, skipped, meaning }) => [
    skipped !== undefined ? 'SKIP' : violations > 0 ? 'FAIL' : 'ok',
    skipped === undefined ? examined : '',
    violations || '',
    moving || '',
    skipped === undefined ? meaning : `${meaning} (${skipped})`,
  ]);
  const parts = [table(['', 'examined', 'wrong', 'moving', `${orders} orders, ${seconds.toFixed(1)} s`], rows)];
  for (const { violations, examples, meaning } of checks) {
    if (violations === 0) continue;
    const lines = examples.map(({ subject, detail }) => `  ${subject} ${detail}`);
    parts.push(
      [
        `NOT TRUE: ${meaning}`,
        ...lines,
        ...(violations > examples.length ? [`  … and ${violations - examples.length} more`] : []),
      ].join('\n'),
    );
  }
  parts.push(ok ? 'Everything agrees.' : 'Something does not agree.');
  return parts.join('\n\n');
}
