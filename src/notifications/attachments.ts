import { setTimeout as sleep } from 'node:timers/promises';
import type { Peers } from '#contracts/peers.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { type Attachment, ComposeLater } from './channels/port.ts';
import type { Claimed } from './outgoing.ts';

/**
 * Invoices and credit notes that go with mails. Billing reads the same events, and may be a moment
 * behind: it is asked again before long, then the mail waits for its next attempt. It goes out without them rather than
 * not at all.
 */

/** Attempts that wait for what is not issued yet. */
const WAITING_ATTEMPTS = 3;
const ASK_AGAIN_MS = [100, 300, 600] as const;

export interface AttachmentsOptions {
  readonly peers: Pick<Peers, 'documentsToMail'>;
  /** Each parcel has an invoice of its own. */
  readonly invoicesParcels: boolean;
  readonly logger: Logger;
}

/** What goes with a message that is about to be sent. Throws ComposeLater where it is not there yet. */
export async function attachmentsOf(
  { id, orderId, attempts, channel, content }: Pick<Claimed, 'id' | 'orderId' | 'attempts' | 'channel' | 'content'>,
  { peers, invoicesParcels, logger }: AttachmentsOptions,
): Promise<readonly Attachment[]> {
  const wish = content?.documents;
  if (channel !== 'email' || !wish || (wish.shipmentId !== undefined && !invoicesParcels)) return [];
  let reason = 'the document is not issued yet';
  try {
    const attachments = await askedFor({ orderId, ...wish }, peers);
    if (attachments) return attachments;
  } catch (error) {
    logger.debug({ err: error, notificationId: id }, 'billing could not be asked for a document');
    reason = 'billing could not be asked for the document';
  }
  if (attempts <= WAITING_ATTEMPTS) throw new ComposeLater(reason);
  logger.warn({ notificationId: id, reason }, 'a mail goes out without its document');
  return [];
}

/** Undefined where they are not issued before long. */
async function askedFor(
  wish: Parameters<Peers['documentsToMail']>[0],
  { documentsToMail }: AttachmentsOptions['peers'],
): Promise<readonly Attachment[] | undefined> {
  for (const waitMs of [0, ...ASK_AGAIN_MS]) {
    await sleep(waitMs);
    const { documents, awaited } = await documentsToMail(wish);
    if (!awaited)
      return documents.map(({ content, ...file }) => ({ ...file, content: Buffer.from(content, 'base64') }));
  }
  return undefined;
}
