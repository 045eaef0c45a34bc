import { hostname, userInfo } from 'node:os';
import { print, printJson } from '#cli/output.ts';
import { isUuid } from '#contracts/ids.ts';
import { CannotReplay } from '#platform/log/rewind.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import { parseBound } from './replay/bound.ts';
import { openReplay } from './replay/open.ts';
import { type PreviewReport, preview, textOfPreview } from './replay/preview.ts';
import { textOfRebuild } from './replay/rebuild-text.ts';
import { type RebuildReport, rebuild } from './replay/rebuild.ts';
import { type RewindReport, rewindConsumer, textOfRewind, waitUntilReread } from './replay/rewind.ts';

/**
 * `olms replay`: rewinds a consumer to an earlier position of the log, previews what that would do (`--dry-run`), or
 * rebuilds tables from the log (`--rebuild`). Events taken before are recognized, so a rewind makes up for what was
 * lost and does nothing twice.
 */

export interface ReplayOptions {
  readonly service: string;
  readonly from?: string;
  readonly to?: string;
  readonly order?: readonly string[];
  readonly dryRun?: boolean;
  readonly rebuild?: boolean;
  readonly wait?: boolean | string;
  readonly actor?: string;
  readonly json?: boolean;
}

/** A request that cannot be fulfilled, as opposed to a failure. */
const EXIT_CANNOT = 2;
const WAIT_S = 600;

/** Runs the command: prints its report as text or JSON and sets the exit code. */
export async function replay(options: ReplayOptions, env: Environment): Promise<void> {
  try {
    const report = await runReplay(options, env);
    if (options.json) printJson(report);
    else print(textOf(report));
    if (report.kind === 'set-back' && report.readAgain === false) process.exitCode = 1;
    if (report.kind === 'rebuild' && report.dryRun && report.differences > 0) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof CannotReplay)) throw error;
    if (options.json) printJson({ error: { code: error.code, detail: error.message } });
    else process.stderr.write(`olms: ${error.message}\n`);
    process.exitCode = EXIT_CANNOT;
  }
}

/** Previews, rewinds or rebuilds as the options say; throws {@link CannotReplay} for a request that cannot be fulfilled. */
export async function runReplay(options: ReplayOptions, env: Environment): Promise<Report> {
  if (options.rebuild) return await runRebuild(options, env);
  const from = options.from === undefined ? undefined : parseBound(options.from, '--from');
  const until = options.to === undefined ? undefined : parseBound(options.to, '--to');
  const orders = options.order?.map((id) => {
    if (!isUuid(id)) throw new CannotReplay('ORDER_ID', `--order ${id} is not an order id.`);
    return id;
  });
  if (!from) throw new CannotReplay('FROM_MISSING', 'Say from where: --from start, a time, or a place.');
  if (!options.dryRun && (until || orders))
    throw new CannotReplay(
      'NOT_A_SELECTION',
      '--to and --order narrow what --dry-run looks at. A consumer is set back as a whole: offsets know no single orders, and what was taken before is recognized, so reading the rest again costs time and changes nothing.',
    );
  const waitS = options.wait === undefined || options.wait === false ? undefined : secondsOf(options.wait);
  await using opened = await openReplay(options.service, env);
  const asked = options.from!;
  if (options.dryRun) return await preview(opened, { asked, from, until, orders });
  const report = await rewindConsumer(opened, { asked, from, actor: actorOf(options) });
  if (waitS === undefined) return report;
  return { ...report, readAgain: await waitUntilReread(opened, report.partitions, waitS) };
}

type Report = PreviewReport | RewindReport | RebuildReport;

function textOf(report: Report): string {
  if (report.kind === 'dry-run') return textOfPreview(report);
  return report.kind === 'set-back' ? textOfRewind(report) : textOfRebuild(report);
}

async function runRebuild(options: ReplayOptions, env: Environment): Promise<RebuildReport> {
  if (options.from !== undefined || options.to !== undefined || options.order || options.wait)
    throw new CannotReplay(
      'WHOLE',
      'A rebuild is of everything, from the start of the log: leave --from, --to, --order and --wait out.',
    );
  await using opened = await openReplay(options.service, env);
  return await rebuild(opened, { dryRun: options.dryRun ?? false, actor: actorOf(options) });
}

function actorOf({ actor }: ReplayOptions): string {
  return actor ?? `${userInfo().username}@${hostname()}`;
}

function secondsOf(wait: boolean | string): number {
  if (wait === true) return WAIT_S;
  if (!/^\d{1,6}$/.test(String(wait))) throw new CannotReplay('WAIT', `--wait takes seconds, not ${wait}.`);
  return Number(wait);
}
