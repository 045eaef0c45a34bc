import { type Problem, UnreachableError } from '#client/client.ts';
import type { ImportKind } from '#orders/rules/imports.ts';
import { IMPORT_KINDS } from '#orders/rules/imports.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import { type ApiClient, type ClientOptions, connect } from '#cli/client.ts';
import { print, printJson, Progress } from '#cli/output.ts';
import { CsvError, type CsvRecord, readCsv } from './import/csv.ts';
import { type Dialect, dialectOf } from './import/dialect.ts';
import { type FileOrder, orders, survey, type Survey } from './import/group.ts';
import { type Input, openInput } from './import/input.ts';
import { type Mapping, mappingChoice, mappingOf, type MappingOptions, UsageError } from './import/mapping.ts';
import { readJson } from './import/json.ts';
import { Details, ImportReport } from './import/report.ts';
import { type ReadOrder, readOrder, type RequestSettings } from './import/request.ts';
import { type Article, concurrently, provide, sendSet, setsOf, type TakenOrder, waitForEnd } from './import/send.ts';

export interface ImportOptions extends ClientOptions, MappingOptions {
  readonly as?: string;
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

/** Sets of orders at a time. */
const CONCURRENCY = 4;
/** Articles are made one by one. */
const CONNECTIONS = 16;
const WAIT_SECONDS = 300;
const FIRST_ANSWER_MS = 5_000;
const JSON_FILE = /\.json(?:\.gz|\.xz)?$/i;
const SOURCE = /^[A-Za-z0-9._-]{1,50}$/;
const EXIT = { usage: 2, away: 5, failed: 1 } as const;

const KINDS = `Say with --as what the orders are:
  --as history   they have ended: recorded with their end, time and money; nothing is charged, sent, booked or mailed
  --as open      paid elsewhere and still to be fulfilled: stock is reserved and they ship from here; nobody is charged,
                 and nobody is written to about what has happened
  --as live      new: placed, charged, shipped and mailed like orders of a shop`;

/** `olms import orders`: imports, prints the report, and says by the exit code what became of the file. */
export async function importOrders(file: string, options: ImportOptions, env: Environment): Promise<void> {
  process.exitCode = await exitCodeOf(async () => {
    const report = await runImport(file, options, env);
    if (options.json) printJson(report);
    else print(report.toText());
    return report.exitCode;
  });
}

/** Runs a command about files: 2 for a wrong call, 5 where the system is away, 1 for anything else that fails. */
export async function exitCodeOf(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    process.stderr.write(`olms: ${(error as Error).message}\n`);
    if (error instanceof UsageError) return EXIT.usage;
    return isAway(error) ? EXIT.away : EXIT.failed;
  }
}

function isAway(error: unknown): boolean {
  return error instanceof UnreachableError || ((error as Problem).status ?? 0) >= 500;
}

/** Imports a file; the report of what became of it. Throws a {@link UsageError} before anything is sent. */
export async function runImport(file: string, options: ImportOptions, env: Environment): Promise<ImportReport> {
  const as = kindOf(options.as);
  const choice = await mappingChoice(options);
  if (options.source !== undefined && !SOURCE.test(options.source))
    throw new UsageError('--source must be 1 to 50 letters, digits, dots, dashes or underscores.');
  const input = await opened(file);
  const progress = new Progress();
  let client: ApiClient | undefined;
  let details: Details | undefined;
  try {
    const concurrency = options.concurrency ?? CONCURRENCY;
    if (JSON_FILE.test(file)) {
      details = options.report === undefined ? undefined : await Details.open(options.report);
      client = await reached(options, env, concurrency);
      const report = new ImportReport(input.name, 'json', as, options.dryRun ?? false, details);
      await importJson({ input, as, options, client, concurrency, progress }, report);
      await details?.close(report);
      return report;
    }
    const dialect = await asUsage(() => dialectOf(input, choice.dialect));
    const first = await records(input, dialect);
    const mapping = first ? mappingOf(choice, first.header) : undefined;
    details = options.report === undefined ? undefined : await Details.open(options.report);
    if (!first || !mapping) {
      const nothing = new ImportReport(input.name, 'none', as, options.dryRun ?? false, details);
      await details?.close(nothing);
      process.stderr.write(`olms: ${input.name} is empty.\n`);
      return nothing;
    }
    client = await reached(options, env, concurrency);
    const run: Run = { input, dialect, mapping, as, options, client, concurrency, progress };
    const report = new ImportReport(input.name, mapping.name, as, options.dryRun ?? false, details);
    await importInput(run, first.rest, report);
    await details?.close(report);
    return report;
  } finally {
    progress.end();
    await client?.close();
    await input.close();
  }
}

/** A client of a system that answers: one that is away is met before the file is read. */
async function reached(options: ImportOptions, env: Environment, concurrency: number): Promise<ApiClient> {
  const client = await connect(options, env, Math.max(concurrency, CONNECTIONS));
  try {
    await client.listOrders({ limit: 1 }, { patienceMs: FIRST_ANSWER_MS }).pages().next();
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

function kindOf(as: string | undefined): ImportKind {
  if (as === undefined) throw new UsageError(KINDS);
  if (!(IMPORT_KINDS as readonly string[]).includes(as))
    throw new UsageError(`--as ${as} is none of the three.\n${KINDS}`);
  return as as ImportKind;
}

async function asUsage<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function opened(file: string): Promise<Input> {
  return asUsage(() => openInput(file));
}

interface Sending {
  readonly input: Input;
  readonly as: ImportKind;
  readonly options: ImportOptions;
  readonly client: ApiClient;
  readonly concurrency: number;
  readonly progress: Progress;
}

interface Run extends Sending {
  readonly dialect: Dialect;
  readonly mapping: Mapping;
}

async function importInput(run: Run, firstRecords: AsyncGenerator<CsvRecord>, report: ImportReport): Promise<void> {
  const { input, dialect, mapping, as, options, client, progress } = run;
  const { provider, token = 'tok_approve', dryRun = false } = options;
  const source = options.source ?? mapping.name;
  const settings: RequestSettings = {
    mapping,
    as,
    source,
    currency: options.currency,
    channel: options.channel ?? source,
    payment: { ...(provider !== undefined && { provider }), token },
  };
  const surveyed = await survey(firstRecords, mapping);
  const initial = options.stockAsNeeded ? 'needed' : options.stock;
  const createProducts = options.createProducts ?? false;
  if (!dryRun && as !== 'history' && (createProducts || initial !== undefined)) {
    const articles = await articlesOf(run, surveyed, settings);
    let done = 0;
    await concurrently(articles.values(), CONNECTIONS, async (article) => {
      await provide(client, article, { create: createProducts, initial, source }, report);
      progress.update('articles', ++done, articles.size);
    });
  }

  const second = await records(input, dialect);
  const read = readAll(orders(second!.rest, mapping, surveyed), settings);
  await sendAll(run, read, { source, channel: settings.channel, count: surveyed.orders }, report);
}

/** Orders of a JSON file need no reading before: each stands on a line of its own. */
async function importJson(run: Sending, report: ImportReport): Promise<void> {
  const { input, as, options } = run;
  const { provider, token = 'tok_approve', source = 'olms', channel } = options;
  const payment = { ...(provider !== undefined && { provider }), token };
  const read = readJson(input, { as, channel, payment });
  await sendAll(run, read, { source, channel: channel ?? source, count: undefined }, report);
}

async function sendAll(
  { as, options, client, concurrency, progress }: Sending,
  read: AsyncIterable<ReadOrder>,
  { source, channel, count }: { readonly source: string; readonly channel: string; readonly count: number | undefined },
  report: ImportReport,
): Promise<void> {
  const { dryRun = false, createProducts = false } = options;
  const taken: TakenOrder[] = [];
  const startedMs = performance.now();
  let done = 0;
  try {
    await concurrently(setsOf(read), concurrency, async (set) => {
      const these = await sendSet(client, set, { source, as, dryRun, createProducts }, report);
      if (options.wait !== undefined) taken.push(...these);
      done += set.length;
      progress.update('orders', done, count, `${report.ordersTaken} taken, ${report.ordersRepeated} repeated`);
    });
  } catch (error) {
    // What was done so far is worth reporting, where the system went away in the middle.
    if (!isAway(error)) throw error;
    report.stopped = `stopped after ${done} orders: ${(error as Error).message}`;
    process.stderr.write(`olms: ${report.stopped}\n`);
  }
  report.seconds = round((performance.now() - startedMs) / 1000);
  report.repeats = client.repeats;

  if (!dryRun && options.wait !== undefined && report.stopped === undefined) {
    const waitingMs = performance.now();
    const seconds = options.wait === true ? WAIT_SECONDS : options.wait;
    const onEnded = (ended: number): void => progress.update('ended', ended, taken.length);
    const { statuses, unfinished } = await waitForEnd(client, taken, { channel, seconds, onEnded });
    report.statuses = statuses;
    report.unfinished = unfinished;
    report.waitedSeconds = round((performance.now() - waitingMs) / 1000);
  }
}

async function* readAll(found: AsyncIterable<FileOrder>, settings: RequestSettings): AsyncGenerator<ReadOrder> {
  for await (const order of found) yield readOrder(order, settings);
}

/** What the orders that can be taken sell, in a reading of its own: what is refused is neither created nor stocked. */
async function articlesOf(run: Run, surveyed: Survey, settings: RequestSettings): Promise<Map<string, Article>> {
  const articles = new Map<string, Article>();
  const again = await records(run.input, run.dialect);
  for await (const { order } of readAll(orders(again!.rest, run.mapping, surveyed), settings)) {
    for (const { sku, name, quantity } of order?.items ?? []) {
      const article = articles.get(sku!);
      if (!article) articles.set(sku!, { sku: sku!, name, quantity });
      else {
        article.name ??= name;
        article.quantity += quantity;
      }
    }
  }
  return articles;
}

interface Records {
  readonly header: readonly string[];
  readonly rest: AsyncGenerator<CsvRecord>;
}

/** The header of a file, and the records after it; undefined for an empty file. */
async function records(input: Input, dialect: Dialect): Promise<Records | undefined> {
  const rest = readCsv(input.read(), dialect);
  try {
    const { done, value } = await rest.next();
    return done ? undefined : { header: value.fields, rest };
  } catch (error) {
    throw error instanceof CsvError ? new UsageError(error.message) : error;
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
