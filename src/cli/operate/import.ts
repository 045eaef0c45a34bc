import { writeFile } from 'node:fs/promises';
import type { Environment } from '#platform/runtime/settings.ts';
import { type ApiClient, type ClientOptions, connect } from '#cli/client.ts';
import { print, printJson, Progress } from '#cli/output.ts';
import { type CsvRecord, readCsv } from './import/csv.ts';
import { orders, survey } from './import/group.ts';
import { type Input, openInput } from './import/input.ts';
import { chooseLayout, placesOf } from './import/layouts.ts';
import { ImportReport } from './import/report.ts';
import type { RequestSettings } from './import/request.ts';
import { concurrently, provide, sendOrder, type TakenOrder, waitForEnd } from './import/send.ts';

export interface ImportOptions extends ClientOptions {
  readonly preset?: string;
  readonly map?: readonly string[];
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly source?: string;
  readonly currency?: string;
  readonly channel?: string;
  readonly createProducts?: boolean;
  readonly stock?: number;
  readonly stockAsNeeded?: boolean;
  readonly provider?: string;
  readonly token?: string;
  readonly concurrency?: number;
  /** Seconds; `true`: the default. */
  readonly wait?: number | true;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly report?: string;
}

const CONCURRENCY = 32;
const WAIT_SECONDS = 300;
const SOURCE = /^[A-Za-z0-9._-]{1,50}$/;

/** `olms import orders`: imports, prints the report, and says by the exit code whether everything fits. */
export async function importOrders(file: string, options: ImportOptions, env: Environment): Promise<void> {
  const report = await runImport(file, options, env);
  if (options.report !== undefined)
    await writeFile(options.report, `${JSON.stringify(report.details(), undefined, 2)}\n`);
  if (options.json) printJson(report);
  else print(report.toText());
  if (!report.ok) process.exitCode = 1;
}

export async function runImport(file: string, options: ImportOptions, env: Environment): Promise<ImportReport> {
  const input = await openInput(file);
  const progress = new Progress();
  let client: ApiClient | undefined;
  try {
    const concurrency = options.concurrency ?? CONCURRENCY;
    if (!options.dryRun) client = await connect(options, env, concurrency);
    return await importInput(input, options, client, concurrency, progress);
  } finally {
    progress.end();
    await client?.close();
    await input.close();
  }
}

async function importInput(
  input: Input,
  options: ImportOptions,
  client: ApiClient | undefined,
  concurrency: number,
  progress: Progress,
): Promise<ImportReport> {
  const first = await records(input, options);
  const layout = chooseLayout(first.header, options);
  const shape = { layout, places: placesOf(first.header, layout, options), columns: first.header.length };
  const source = options.source ?? layout.name;
  if (!SOURCE.test(source)) throw new Error('--source must be 1 to 50 letters, digits, dots, dashes or underscores.');
  const { provider, token = 'tok_approve' } = options;
  const settings: RequestSettings = {
    layout,
    source,
    currency: options.currency,
    channel: options.channel ?? source,
    payment: { ...(provider !== undefined && { provider }), token },
  };
  const report = new ImportReport(input.name, layout.name, client === undefined);

  const surveyed = await survey(first.rest, shape);
  report.refusedLines.push(...surveyed.refused);
  const initial = options.stockAsNeeded ? 'needed' : options.stock;
  if (client && (options.createProducts || initial !== undefined)) {
    const stock = { create: options.createProducts ?? false, initial, source } as const;
    let done = 0;
    await concurrently(surveyed.articles.values(), concurrency, async (article) => {
      await provide(client, article, stock, report);
      progress.update('articles', ++done, surveyed.articles.size);
    });
  }

  const taken: TakenOrder[] = [];
  const startedMs = performance.now();
  let done = 0;
  const second = await records(input, options);
  try {
    await concurrently(orders(second.rest, shape, surveyed), concurrency, async (order) => {
      const one = await sendOrder(client, order, settings, report);
      if (one && options.wait !== undefined) taken.push(one);
      progress.update(
        'orders',
        ++done,
        surveyed.lastRecords.size,
        `${report.ordersTaken} taken, ${report.ordersRepeated} repeated`,
      );
    });
  } catch (error) {
    // What was done so far is worth reporting; a report without failure would hide that it is not all.
    if (report.failedOrders.length === 0) throw error;
    process.stderr.write(`olms: stopped after ${done} orders: ${(error as Error).message}\n`);
  }
  report.refusedLines.sort((a, b) => a.line - b.line);
  report.seconds = round((performance.now() - startedMs) / 1000);
  report.repeats = client?.repeats ?? 0;

  if (client && options.wait !== undefined) {
    const waitingMs = performance.now();
    const seconds = options.wait === true ? WAIT_SECONDS : options.wait;
    const onEnded = (ended: number): void => progress.update('ended', ended, taken.length);
    const { statuses, unfinished } = await waitForEnd(client, taken, { channel: settings.channel, seconds, onEnded });
    report.statuses = statuses;
    report.unfinished = unfinished;
    report.waitedSeconds = round((performance.now() - waitingMs) / 1000);
  }
  return report;
}

interface Records {
  readonly header: readonly string[];
  readonly rest: AsyncGenerator<CsvRecord>;
}

/** The header of a file, and the records after it. */
async function records(input: Input, options: ImportOptions): Promise<Records> {
  const rest = readCsv(input.read(), { delimiter: options.delimiter, encoding: options.encoding });
  const { done, value } = await rest.next();
  if (done) throw new Error(`${input.name} is empty.`);
  return { header: value.fields, rest };
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
