/** Times as exports write them, in a time zone of their own or in the one that is named. */

export type DayOrder = 'day-first' | 'month-first';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const CLOCK = String.raw`(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp]\.?[Mm]\.?)?)?`;
const ZONE = String.raw`\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?`;
const YEAR_FIRST = new RegExp(`^(\\d{4})[-/.](\\d{1,2})[-/.](\\d{1,2})${CLOCK}${ZONE}$`);
const YEAR_LAST = new RegExp(`^(\\d{1,2})([-/.])(\\d{1,2})\\2(\\d{4}|\\d{2})${CLOCK}${ZONE}$`);
const NAMED_FIRST = new RegExp(`^([A-Za-z]{3,9})[-. ]+(\\d{1,2})[-, ]+(\\d{4}|\\d{2})${CLOCK}${ZONE}$`);
const NAMED_SECOND = new RegExp(`^(\\d{1,2})[-. ]+([A-Za-z]{3,9})[-. ,]+(\\d{4}|\\d{2})${CLOCK}${ZONE}$`);

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Throws for a zone that there is not. */
export function checkTimeZone(timeZone: string): void {
  try {
    formatterOf(timeZone);
  } catch {
    throw new Error(`--time-zone ${timeZone}: there is no such zone; for example Europe/Berlin or UTC.`);
  }
}

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(timeZone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formatters.set(timeZone, formatter);
  }
  return formatter;
}

/** How far the zone is ahead of UTC at a time. */
function offsetMs(timeMs: number, timeZone: string): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterOf(timeZone).formatToParts(timeMs)) parts[type] = Number(value);
  const { year, month, day, hour, minute, second } = parts;
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - Math.floor(timeMs / 1000) * 1000;
}

/**
 * RFC 3339 UTC of a cell; undefined for what is no time, or for a day like 03/04/2025 that nobody says the order of.
 * A day without a clock is its first moment in the zone.
 */
export function timeOf(cell: string, timeZone: string, order?: DayOrder): string | undefined {
  const text = cell.trim();
  const found = yearFirst(text) ?? yearLast(text, order) ?? named(text);
  if (!found) return undefined;
  const { year, month, day, clock, zone } = found;
  const [hours = '0', minutes = '0', seconds = '0', half] = clock;
  let hour = Number(hours);
  if (half !== undefined) hour = (hour % 12) + (/^p/i.test(half) ? 12 : 0);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || Number(minutes) > 59 || Number(seconds) > 60)
    return undefined;
  const localMs = Date.UTC(year, month - 1, day, hour, Number(minutes), Number(seconds));
  if (new Date(localMs).getUTCDate() !== day) return undefined;
  const timeMs = zone === undefined ? inZone(localMs, timeZone) : localMs - zoneMs(zone);
  return new Date(timeMs).toISOString();
}

interface Moment {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly clock: readonly (string | undefined)[];
  readonly zone: string | undefined;
}

function yearFirst(text: string): Moment | undefined {
  const match = YEAR_FIRST.exec(text);
  if (!match) return undefined;
  const [, year, month, day, ...rest] = match;
  return { year: Number(year), month: Number(month), day: Number(day), clock: rest.slice(0, 4), zone: rest[4] };
}

function yearLast(text: string, order: DayOrder | undefined): Moment | undefined {
  const match = YEAR_LAST.exec(text);
  if (!match) return undefined;
  const [, first, mark, second, year, ...rest] = match;
  const [a, b] = [Number(first), Number(second)];
  const dayFirst = mark === '.' || a > 12 ? true : b > 12 ? false : a === b ? true : order && order === 'day-first';
  if (dayFirst === undefined) return undefined;
  const [day, month] = dayFirst ? [a, b] : [b, a];
  return { year: yearOf(year!), month, day, clock: rest.slice(0, 4), zone: rest[4] };
}

function named(text: string): Moment | undefined {
  const first = NAMED_FIRST.exec(text);
  const match = first ?? NAMED_SECOND.exec(text);
  if (!match) return undefined;
  const [name, day] = first ? [match[1]!, match[2]!] : [match[2]!, match[1]!];
  const month = MONTHS.indexOf(name.slice(0, 3).toLowerCase()) + 1;
  if (month === 0) return undefined;
  return { year: yearOf(match[3]!), month, day: Number(day), clock: match.slice(4, 8), zone: match[8] };
}

function yearOf(text: string): number {
  return text.length === 4 ? Number(text) : Number(text) + (Number(text) < 70 ? 2000 : 1900);
}

function zoneMs(zone: string): number {
  const match = /^([+-])(\d{2}):?(\d{2})$/.exec(zone);
  if (!match) return 0;
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3])) * 60_000;
}

function inZone(localMs: number, timeZone: string): number {
  const guess = localMs - offsetMs(localMs, timeZone);
  // Around a change of clocks the first guess may stand on the other side of it.
  return localMs - offsetMs(guess, timeZone);
}
