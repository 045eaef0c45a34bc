/**
 * Ids are UUIDv7 (RFC 9562): the first 48 bits are the time in milliseconds, so ids sort by creation, and a
 * time range over orders is a range over their ids. No second "created" index exists anywhere.
 */
export const UUID_PATTERN = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';
const UUID = new RegExp(UUID_PATTERN);

/** True for a lower-case UUID of any version. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** A name that callers chose for something, as it is kept: a UUID in small letters, however it was written; anything else as it is. */
export function plainId(text: string): string {
  const small = text.toLowerCase();
  return isUuid(small) ? small : text;
}

/** The smallest UUID of a millisecond: every id made at or after `timeMs` is greater or equal. */
export function firstIdAt(timeMs: number): string {
  const hex = Math.max(0, Math.floor(timeMs)).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** The creation time in a UUIDv7, in milliseconds since 1970. */
export function idTimeMs(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** When what has this id was recorded, in milliseconds since 1970; undefined for what is no id. */
export function recordedMs(id: string | undefined): number | undefined {
  return id !== undefined && isUuid(id) ? idTimeMs(id) : undefined;
}
