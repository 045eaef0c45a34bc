import { type Bound, CannotReplay } from '#platform/log/rewind.ts';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i;
const DATE = /^\d{4}-\d\d-\d\d$/;
const POSITIONS = /^\d{1,15}\/\d{1,15}(,\d{1,15}\/\d{1,15})*$/;

/**
 * Reads an option that names a position of the log: `start`, a date (its first moment in UTC), an RFC 3339
 * time, or log positions (a/b; several at Kafka: a/b,c/d). Throws {@link CannotReplay} for anything else.
 */
export function parseBound(text: string, option: string): Bound {
  if (text === 'start') return { kind: 'start' };
  if (POSITIONS.test(text)) {
    const positions = text.split(',').map((pair) => pair.split('/').map(Number) as [number, number]);
    return { kind: 'positions', positions };
  }
  const ms = TIME.test(text) || DATE.test(text) ? Date.parse(text) : Number.NaN;
  // JavaScript takes February 30 for March 1.
  const isReal =
    !Number.isNaN(ms) && new Date(`${text.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(text.slice(0, 10));
  if (isReal) return { kind: 'time', ms };
  throw new CannotReplay(
    'BOUND',
    `${option} ${text} is none of: start; a date (2026-11-01); a time with its zone (2026-11-01T08:30:00Z); a place, transaction/position in PostgreSQL, partition/offset at Kafka (0/1200,3/980), as --dry-run shows it.`,
  );
}
