import { createRequire } from 'node:module';
import { messageOf } from '#contracts/error-text.ts';
import { type Bindings, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** How much is logged, from everything to nothing. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How lines are written. */
export interface LoggerOptions {
  /** Of the lines that say what happened to orders (those with the field `event`), so many a second; more are counted. */
  readonly eventsPerSecond?: number;
  /** Where lines go; by default standard error, so that a program's standard output stays its own. */
  readonly destination?: { write(line: string): void };
  /** For people instead of programs: by default where standard error is a terminal. */
  readonly pretty?: boolean;
}

const EVENTS_PER_SECOND = 100;

/** Our names beside those of the Elastic Common Schema, by which log stores know them. */
const ECS_NAMES: Readonly<Record<string, string>> = {
  traceId: 'trace.id',
  spanId: 'span.id',
  event: 'event.action',
  orderId: 'labels.order_id',
  correlationId: 'labels.correlation_id',
};
const NANOSECONDS_PER_MS = 1_000_000;

/** What never belongs into a line, wherever a caller forgets it. The rule is that nobody passes it. */
const PERSONAL_OR_SECRET = [
  'email',
  'phone',
  'address',
  'recipient',
  'contact',
  'shippingAddress',
  'billingAddress',
  'token',
  'password',
  'secret',
  'authorization',
  'apiKey',
];

/** The loggers that came of one, so that its level is theirs. */
const families = new WeakMap<Logger, Set<Logger>>();
const budgets = new WeakMap<Logger, EventBudget>();

/**
 * Structured logs, a line of JSON each: `timestamp, level, service, orderId, correlationId, traceId, spanId, event, message,
 * durationMs`, where they apply, and beside them the names of the Elastic Common Schema. No personal data is ever passed to
 * a logger; the redaction list is the safety net, not the rule.
 */
export function createLogger(level: string, options: LoggerOptions = {}): Logger {
  const { eventsPerSecond = EVENTS_PER_SECOND, destination } = options;
  const { pretty = destination === undefined && process.stderr.isTTY } = options;
  const family = new Set<Logger>();
  const budget = new EventBudget(eventsPerSecond);
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      messageKey: 'message',
      timestamp: timestamps,
      formatters: {
        level: (label) => ({ level: label, 'log.level': label }),
        log: withEcsNames,
      },
      serializers: { err: errorFields },
      redact: { paths: PERSONAL_OR_SECRET.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
      onChild: (child) => {
        family.add(child);
        budgets.set(child, budget);
      },
    },
    pretty ? forPeople(destination) : (destination ?? pino.destination({ fd: 2, sync: false })),
  );
  families.set(logger, family.add(logger));
  budgets.set(logger, budget);
  return logger;
}

/** The logger of a service: its lines say so. */
export function loggerOf(logger: Logger, service: string): Logger {
  return logger.child({ service, 'service.name': service });
}

/** Changes how much is logged, by this logger and all that came of it. */
export function setLogLevel(logger: Logger, level: LogLevel): void {
  for (const one of families.get(logger) ?? [logger]) one.level = level;
}

/** What a line says of an error beside its message: what it is about, by names and codes. */
const ERROR_FIELDS = [
  // Of PostgreSQL; what else it says, such as the row that failed, is data.
  'severity',
  'schema',
  'table',
  'column',
  'constraint',
  'routine',
  // Of sockets.
  'errno',
  'syscall',
  'hostname',
  'port',
] as const;
const CAUSES_MAX = 4;

/** An error as lines hold it, with those behind it; nothing that it may hold of a customer or a caller. */
function errorFields(error: unknown, depth = 0): Bindings {
  if (!(error instanceof Error)) return { message: messageOf(error) };
  const { name, stack = '', cause } = error;
  const all = error as unknown as Readonly<Record<string, unknown>>;
  const fields: Bindings = { type: error.constructor.name || name, message: messageOf(error) };
  for (const field of ['code', ...ERROR_FIELDS])
    if (typeof all[field] === 'string' || typeof all[field] === 'number') fields[field] = all[field];
  // The lines above the frames are the message.
  fields['stack'] = stack.slice(Math.max(0, stack.search(/^ {4}at /m)));
  if (depth >= CAUSES_MAX) return fields;
  if (cause !== undefined) fields['cause'] = errorFields(cause, depth + 1);
  if (error instanceof AggregateError)
    fields['errors'] = error.errors.slice(0, CAUSES_MAX).map((each) => errorFields(each, depth + 1));
  return fields;
}

function timestamps(): string {
  const now = new Date().toISOString();
  return `,"timestamp":"${now}","@timestamp":"${now}"`;
}

function withEcsNames(fields: Bindings): Bindings {
  const named: Bindings = { ...fields };
  for (const [ours, theirs] of Object.entries(ECS_NAMES)) if (fields[ours] !== undefined) named[theirs] = fields[ours];
  const { durationMs } = fields;
  if (typeof durationMs === 'number') named['event.duration'] = Math.round(durationMs * NANOSECONDS_PER_MS);
  return named;
}

/**
 * How many lines about events and commands a logger and all that came of it may write, by the second. Asked before they are
 * made: of a busy system most are not.
 */
class EventBudget {
  readonly #perSecond: number;
  #second = 0;
  #left = 0;
  #skipped = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  take(wanted: number): EventLines {
    const now = Math.floor(Date.now() / 1_000);
    if (now !== this.#second) [this.#second, this.#left] = [now, this.#perSecond];
    const lines = Math.min(wanted, this.#left);
    this.#left -= lines;
    const skipped = lines > 0 ? this.#skipped : 0;
    this.#skipped += wanted - lines - skipped;
    return { lines, skipped };
  }
}

export interface EventLines {
  /** So many may be written now. */
  readonly lines: number;
  /** So many were not, before them; the first of them says so. */
  readonly skipped: number;
}

/** How many of `wanted` lines about events or commands may be written now; the others are counted. */
export function eventLines(logger: Logger, wanted: number): EventLines {
  return budgets.get(logger)?.take(wanted) ?? { lines: wanted, skipped: 0 };
}

/** Short colored lines, without what programs alone want. */
function forPeople(destination: LoggerOptions['destination']): { write(line: string): void } {
  const hidden = ['pid', 'log.level', '@timestamp', 'service.name', 'event.duration', ...Object.values(ECS_NAMES)];
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  return pretty({
    colorize: true,
    messageKey: 'message',
    timestampKey: 'timestamp',
    translateTime: 'SYS:HH:MM:ss.l',
    // Names with a dot are paths, unless the dot is escaped.
    ignore: hidden.map((name) => name.replaceAll('.', String.raw`\.`)).join(','),
    singleLine: true,
    destination: (destination ?? 2) as never,
  });
}
