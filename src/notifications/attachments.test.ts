import { describe, expect, test } from 'vitest';
import type { MailedDocuments, Peers } from '#contracts/peers.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { attachmentsOf } from './attachments.ts';
import { ComposeLater } from './channels/port.ts';

const logger = createLogger('silent');
const AWAITED: MailedDocuments = { documents: [], awaited: true };
const ISSUED: MailedDocuments = {
  documents: [{ filename: 'INV-00000001.pdf', contentType: 'application/pdf', content: btoa('%PDF-') }],
  awaited: false,
};

/** Billing that gives these answers one after another, the last again and again, and what it was asked. */
function billing(...answers: (MailedDocuments | Error)[]) {
  const asked: unknown[] = [];
  const documentsToMail: Peers['documentsToMail'] = async (wish) => {
    const answer = answers[Math.min(asked.push(wish), answers.length) - 1]!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { asked, peers: { documentsToMail } };
}

const mail = (documents: object | undefined, changes: object = {}) => ({
  id: 'n-1',
  orderId: 'o-1',
  attempts: 1,
  channel: 'email' as const,
  content: { order: 'R-1', short: '', blocks: [], ...(documents && { documents }) },
  ...changes,
});

describe('what goes with a mail', () => {
  test('is asked of billing, again while it is behind', async () => {
    const { asked, peers } = billing(AWAITED, AWAITED, ISSUED);
    const attachments = await attachmentsOf(mail({ refundId: 'r-1' }), { peers, invoicesParcels: false, logger });
    expect(attachments).toEqual([
      { filename: 'INV-00000001.pdf', contentType: 'application/pdf', content: Buffer.from('%PDF-') },
    ]);
    expect(asked).toEqual(Array.from({ length: 3 }, () => ({ orderId: 'o-1', refundId: 'r-1' })));
  });

  test('is nothing where no document goes with it, or by another channel, and nobody is asked', async () => {
    const { asked, peers } = billing(ISSUED);
    const options = { peers, invoicesParcels: false, logger };
    for (const message of [mail(undefined), mail({}, { channel: 'push' }), mail({}, { content: null })])
      expect(await attachmentsOf(message, options)).toEqual([]);
    // One invoice over all parcels goes with the mail about the end of the order.
    expect(await attachmentsOf(mail({ shipmentId: 's-1' }), options)).toEqual([]);
    expect(asked).toEqual([]);
    expect(await attachmentsOf(mail({ shipmentId: 's-1' }), { ...options, invoicesParcels: true })).toHaveLength(1);
  });

  test.each([
    ['is not issued', AWAITED],
    ['cannot be asked for', new Error('billing is away')],
  ])('that %s lets the mail wait for three attempts, and no longer', async (_what, answer) => {
    const { peers } = billing(answer);
    const options = { peers, invoicesParcels: false, logger };
    for (const attempts of [1, 3])
      await expect(attachmentsOf(mail({}, { attempts }), options)).rejects.toThrow(ComposeLater);
    expect(await attachmentsOf(mail({}, { attempts: 4 }), options)).toEqual([]);
  });
});
