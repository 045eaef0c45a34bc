/** Milliseconds since 1970 of an RFC 3339 text. */
export function isoMs(text: string): number {
  return Date.parse(text);
}

const REMEMBERED_MAX = 256;
const remembered = new Map<number, string>();

/** RFC 3339 UTC text of a time in milliseconds since 1970. A set of events shares few times, so the last texts are kept. */
export function isoTime(timeMs: number): string {
  let text = remembered.get(timeMs);
  if (text === undefined) {
    text = new Date(timeMs).toISOString();
    if (remembered.size >= REMEMBERED_MAX) remembered.clear();
    remembered.set(timeMs, text);
  }
  return text;
}
