/**
 * The port to whoever carries messages to people: one adapter per channel. A message is saved before it is given to one,
 * and what became of it afterwards, so it may be given once more after a crash.
 */

/** Channels that carry messages. */
export const CHANNEL_NAMES = ['email', 'sms', 'push'] as const;
export type ChannelName = (typeof CHANNEL_NAMES)[number];

export interface Attachment {
  readonly filename: string;
  /** Such as `application/pdf`. */
  readonly contentType: string;
  readonly content: Buffer;
}

/** A picture that the HTML shows under `cid:<id>`. */
export interface InlineImage extends Attachment {
  readonly id: string;
}

export interface OutgoingMessage {
  /** The notification. With {@link sending} it is the same however often this message is tried. */
  readonly id: string;
  /** 1, and one more each time that somebody asks for it again: a message of its own to whoever receives it. */
  readonly sending: number;
  /** The first try is number 1. Above it, an earlier one may have arrived without anybody knowing. */
  readonly attempt: number;
  readonly orderId: string;
  /** Mail address, phone number as the customer gave it, or endpoint of a push subscription. */
  readonly recipient: string;
  readonly subject: string;
  readonly text: string;
  /** Of mails. */
  readonly html?: string | undefined;
  readonly images?: readonly InlineImage[] | undefined;
  readonly attachments?: readonly Attachment[] | undefined;
  /** BCP 47. */
  readonly language: string;
  /** Where the message leads to. */
  readonly link?: string | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** What became of a message. Reasons are codes: what a server says in words may repeat the recipient. */
export type SendOutcome =
  /** It is on its way. `providerId`: how the provider calls it in what it reports later. */
  | { readonly type: 'accepted'; readonly providerId?: string | undefined }
  /** Refused for good. */
  | { readonly type: 'refused'; readonly reason: string }
  /** Refused for now, or nobody knows: it is tried again, `afterMs` at the earliest. */
  | { readonly type: 'again'; readonly reason: string; readonly afterMs?: number | undefined }
  /** Nobody was there to take it, or nobody takes anything from us: the next one would fare likewise. */
  | { readonly type: 'unreachable'; readonly reason: string };

/** A message cannot be made now, and can be before long: it is tried again. The reason is a code, in words. */
export class ComposeLater extends Error {}

export interface ChannelAdapter {
  readonly name: ChannelName;
  /** Messages that it is given at once. */
  readonly atOnce: number;
  /** Never throws. Has an end, whatever the other side does. */
  send(message: OutgoingMessage): Promise<SendOutcome>;
  close(): Promise<void>;
}

/** Identifies one message to whoever receives it. */
export function messageKey({ id, sending }: Pick<OutgoingMessage, 'id' | 'sending'>): string {
  return sending === 1 ? id : `${id}.${sending}`;
}
