import { expect, test } from 'vitest';
import { idCursor, idOfCursor, pageOf, textCursor, textOfCursor } from './paging.ts';

const ID = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';

test('a cursor gives back the id or the text it was made of', () => {
  expect(idOfCursor(idCursor(ID))).toBe(ID);
  expect(textOfCursor(textCursor('Tasse größer 😀'))).toBe('Tasse größer 😀');
});

test('an id in a cursor of the version before is understood', () => {
  expect(idOfCursor(Buffer.from(ID).toString('base64url'))).toBe(ID);
});

test('what is no cursor of a list of ids is refused', () => {
  for (const cursor of ['', 'abc', textCursor('0192f0c1'), textCursor(`${ID}0`)])
    expect(() => idOfCursor(cursor)).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }));
});

test('the row more than fits makes a next page, and is not shown', () => {
  const view = (row: number): string => `row ${row}`;
  expect(pageOf([1, 2], 2, view, String)).toEqual({ items: ['row 1', 'row 2'], nextCursor: null });
  expect(pageOf([1, 2, 3], 2, view, String)).toEqual({ items: ['row 1', 'row 2'], nextCursor: '2' });
});
