import { uuidOfHex } from '#platform/runtime/uuid.ts';
import { Problem } from './problems.ts';

/**
 * Lists that are read page by page. A cursor is the key of the last entry of a page, encoded so that nobody builds on
 * what is inside.
 */

/** One page of a list, as {@link PageOf} describes it. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** The cursor of the next page; null on the last one. */
  readonly nextCursor: string | null;
}

/** The page of at most `limit` rows out of up to `limit + 1` that were read: one more than fits means there is a next page. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  view: (row: Row) => Item,
  cursorOf: (last: Row) => string,
): Page<Item> {
  const shown = rows.slice(0, limit);
  return { items: shown.map(view), nextCursor: rows.length > limit ? cursorOf(shown.at(-1)!) : null };
}

/** The cursor of a list in the order of ids. */
export function idCursor(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}

/** The cursor of a list in the order of ids, of which each has several entries with ids of their own. */
export function idPairCursor(id: string, entryId: string): string {
  return Buffer.from(`${id}${entryId}`.replaceAll('-', ''), 'hex').toString('base64url');
}

/** The two ids in a cursor; throws VALIDATION_FAILED for what {@link idPairCursor} did not make. */
export function idPairOfCursor(cursor: string): readonly [id: string, entryId: string] {
  const bytes = Buffer.from(cursor, 'base64url');
  if (bytes.length !== 2 * ID_BYTES) throw unknownCursor();
  return [uuidOfHex(bytes.toString('hex', 0, ID_BYTES)), uuidOfHex(bytes.toString('hex', ID_BYTES))];
}

function unknownCursor(): Problem {
  return new Problem('VALIDATION_FAILED', 'The cursor is not one that this list gave; start without a cursor.', {
    errors: [{ pointer: '/cursor', detail: 'is unknown' }],
  });
}

const ID_BYTES = 16;
const ID_TEXT = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The id in a cursor; throws VALIDATION_FAILED for what {@link idCursor} did not make. */
export function idOfCursor(cursor: string): string {
  const bytes = Buffer.from(cursor, 'base64url');
  // Cursors of reviews held the id as text before; such a list may be read on during an update.
  const text = bytes.toString('latin1');
  if (ID_TEXT.test(text)) return text;
  if (bytes.length !== ID_BYTES) throw unknownCursor();
  return uuidOfHex(bytes.toString('hex'));
}

/** The cursor of a list in the order of a number. */
export function numberCursor(number: number): string {
  return textCursor(String(number));
}

/** The number in a cursor, as digits; throws VALIDATION_FAILED for what {@link numberCursor} did not make. */
export function numberOfCursor(cursor: string): string {
  const text = textOfCursor(cursor);
  if (!/^\d{1,15}$/.test(text)) throw unknownCursor();
  return text;
}

/** The cursor of a list in the order of a text. */
export function textCursor(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** The text in a cursor, without NUL, which PostgreSQL does not take. */
export function textOfCursor(cursor: string): string {
  return Buffer.from(cursor, 'base64url').toString('utf8').replaceAll('\0', '');
}
