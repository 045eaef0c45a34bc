import { expect, test } from 'vitest';
import { runMails } from './mails.ts';

/** The short form of `npm run mails`. */
test('every mail arrives once by its Message-ID, while sender and mail server are killed', async () => {
  const { faults, figures } = await runMails({ server: 'smtp-server', mails: 200, kills: 2, seed: 5, hurry: true });
  expect(faults).toEqual([]);
  expect(figures['arrived, by Message-ID']).toBe(200);
}, 180_000);
