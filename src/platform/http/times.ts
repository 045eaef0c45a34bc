import { Problem } from './problems.ts';

/** Times and days as callers write them. */

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const DAY_MS = 86_400_000;

/** When the day is over that a text names, in UTC; undefined where the text is no day. */
export function dayAfterMs(text: string): number | undefined {
  const startMs = DAY.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(startMs) ? undefined : startMs + DAY_MS;
}

/** Milliseconds since 1970 of a time that a caller wrote in the parameter `name`; VALIDATION_FAILED for what is none. */
export function timeMs(text: string, name: string): number {
  const parsed = Date.parse(text);
  if (Number.isNaN(parsed))
    throw new Problem('VALIDATION_FAILED', `${name} is not a time.`, {
      errors: [{ pointer: `/${name}`, detail: 'is not a time' }],
    });
  return parsed;
}

/** The beginning of a range that a caller may leave open. */
export function fromMs(text: string | undefined, name: string): number | undefined {
  return text === undefined ? undefined : timeMs(text, name);
}

/** The end of a range that a caller may leave open, itself not included; of a day all that happened on it is meant. */
export function toMs(text: string | undefined, name: string): number | undefined {
  return text === undefined ? undefined : (dayAfterMs(text) ?? timeMs(text, name));
}
