/** RFC 3339 UTC text of a time in milliseconds since 1970. */
export function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
