import type { Environment } from '#platform/runtime/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { SERVICES } from '#system/services.ts';
import { print, printJson, Progress, table } from '#cli/output.ts';
import { auditPlaces, type AuditReport } from './audit/auditor.ts';
import type { Sums } from './audit/sums.ts';
import { openPlaces } from './audit/places.ts';

export type { AuditReport } from './audit/auditor.ts';
export { type Check, CHECKS } from './audit/checks.ts';

/**
 * `olms audit`: does everything that is stored agree? It reads the tables of all services, each database in one
 * snapshot, in batches, beside a running system. Within a service the snapshot is exact, because every save is one
 * statement. Between services an event may be on its way: such a finding counts once the service has read the event
 * behind it, or, where that is not known, when nothing about the order has changed for a while.
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
/** Rows of each sum on a screen. */
const SUMS_SHOWN = 31;
const EXIT_CODES = { agrees: 0, differs: 1, incomplete: 2 } as const satisfies Record<AuditReport['outcome'], number>;

/** Prints the report, and exits with 0 where everything agrees, 1 where something differs, 2 where not all could be checked. */
export async function audit(options: AuditOptions, env: Environment): Promise<void> {
  const report = await runAudit(options, env);
  if (options.json) printJson(report);
  else print(textOf(report));
  process.exitCode = EXIT_CODES[report.outcome];
}

/** Audits the databases that the environment names, running or not. Throws where there are no orders. */
export async function runAudit(options: AuditOptions, env: Environment): Promise<AuditReport> {
  const { definitions = SERVICES, patience = PATIENCE_S, providerUrl } = options;
  await using places = await openPlaces(env, definitions);
  const progress = new Progress();
  try {
    const limits = { patienceMs: patience * 1000 };
    return await auditPlaces(
      providerUrl === undefined ? places : { ...places, providerUrl },
      limits,
      progress,
      definitions,
    );
  } finally {
    progress.end();
  }
}

const CONCLUSIONS = {
  agrees: 'Everything agrees.',
  differs: 'Something does not agree.',
  incomplete: 'Nothing that was checked differs, but not everything could be checked.',
} as const satisfies Record<AuditReport['outcome'], string>;

function textOf({ outcome, orders, seconds, checks, digests, sums, leftOut, chains }: AuditReport): string {
  const rows = checks.map(({ examined, violations, moving, skipped, meaning }) => [
    violations > 0 ? 'FAIL' : skipped !== undefined ? 'SKIP' : moving > 0 ? 'OPEN' : 'ok',
    skipped === undefined ? examined : '',
    violations || '',
    moving || '',
    skipped === undefined ? meaning : `${meaning} (${skipped})`,
  ]);
  const parts = [
    table(['', 'examined', 'wrong', 'moving', `${orders} orders, ${seconds.toFixed(1)} s`], rows, { wrap: true }),
  ];
  for (const { violations, examples, moving, unsettled, meaning } of checks) {
    if (violations > 0) parts.push(listOf(`NOT TRUE: ${meaning}`, violations, examples));
    if (moving > 0) parts.push(listOf(`NOT AT REST: ${meaning}`, moving, unsettled));
  }
  if (leftOut.length > 0)
    parts.push(
      [
        'LEFT OUT by hand, so that no service acted on it:',
        ...leftOut.map(
          ({ consumer, orderId, eventType, actor, at }) => `  ${orderId} ${eventType} by ${consumer} (${actor}, ${at})`,
        ),
      ].join('\n'),
    );
  for (const counted of Object.values(sums)) if (counted.rows.length > 0) parts.push(sumsText(counted));
  const states = Object.entries(digests);
  if (states.length > 0)
    parts.push(
      [
        'DIGESTS of what is stored; equal states have equal ones:',
        ...states.map(([of, digest]) => `  ${of} ${digest}`),
      ].join('\n'),
    );
  if (chains.length > 0)
    parts.push(
      [
        'AUDIT ENTRIES; note the last one elsewhere: who rewrites them all cannot keep it:',
        ...chains.map(
          ({ of, entries, last }) => `  ${of.join(', ')}: ${entries} entries, number ${last.number} ${last.hash}`,
        ),
      ].join('\n'),
    );
  parts.push(CONCLUSIONS[outcome]);
  return parts.join('\n\n');
}

/** The last rows: those of the latest days. */
function sumsText({ meaning, rows, more }: Sums): string {
  const shown = rows.slice(-SUMS_SHOWN);
  const columns = Object.keys(shown[0]!);
  const hidden = rows.length - shown.length;
  const text = table(
    columns,
    shown.map((row) => columns.map((column) => row[column])),
  );
  return [
    `SUMS: ${meaning}`,
    ...text.split('\n').map((line) => `  ${line}`),
    ...(hidden > 0 || more ? [`  … and ${hidden}${more ? ' or more' : ''} before (--json has them)`] : []),
  ].join('\n');
}

function listOf(title: string, count: number, examples: readonly { subject: string; detail: string }[]): string {
  const lines = examples.map(({ subject, detail }) => `  ${subject} ${detail}`);
  if (count > examples.length) lines.push(`  … and ${count - examples.length} more`);
  return [title, ...lines].join('\n');
}
