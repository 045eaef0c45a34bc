import { test } from 'vitest';
import { expectSoundDocuments } from './same-amounts.ts';

test('documents of 10,000 orders of chance break no rule of EN 16931, and say the same in either syntax', () => {
  expectSoundDocuments(10_000);
});
