import type { IncomingHttpHeaders } from 'node:http';
import type { OperationKind, ProviderResult } from '../rules/operation.ts';

/** What a provider needs to know of an operation. */
export interface ProviderCall {
  readonly orderId: string;
  /** Of a capture, void or refund: that much, which may be a part of what is left; several may be under way at once. */
  readonly amount: string;
  readonly currency: string;
  readonly token: string;
  /** Idempotency key: the provider acts on it once, whatever happens to the replies. */
  readonly key: string;
  /** The provider's name of the charge; undefined only where the call makes it. */
  readonly chargeReference: string | undefined;
  /** W3C trace context of the call, for a provider that takes one. */
  readonly traceparent?: string | undefined;
}

/** A question about an operation: the call as it was made, whatever became of it. */
export interface ProviderQuestion extends ProviderCall {
  readonly kind: OperationKind;
  /** The provider's name of what the operation did, where it is known. */
  readonly reference?: string | undefined;
  /** The order was cancelled: what still waits for its customer may be given up. */
  readonly unwanted?: boolean;
}

/** A webhook as a provider means it. */
export interface ProviderNotice {
  readonly orderId: string;
  /** The operation; absent where it is about the payment as a whole. */
  readonly key?: string | undefined;
  readonly result: ProviderResult;
  /** As the provider calls the message, the same when it is repeated, and what kind it is. */
  readonly id?: string | undefined;
  readonly type?: string | undefined;
}

/** What is made of a webhook: why it is not authentic and recent, or what it is about; neither where it is about nothing of ours. */
export interface ReadWebhook {
  readonly problem?: string;
  readonly notice?: ProviderNotice | undefined;
}

/** How a provider reports by itself what happened. */
export interface ProviderWebhooks {
  /** Why a message cannot be authentic and recent whatever its body is, or undefined: so much its head alone says. */
  headProblem(headers: IncomingHttpHeaders, nowMs: number): string | undefined;
  /** Verifies a message on its bytes as sent, then reads it. */
  read(headers: IncomingHttpHeaders, body: Buffer, nowMs: number): Promise<ReadWebhook>;
}

/**
 * The port to a payment provider. A result is what the provider definitely answered; everything else (no reply
 * in time, no connection, a server error) is thrown as {@link ProviderUnreachable} and counts for the
 * circuit breaker.
 */
export interface PaymentProvider extends Readonly<
  Record<OperationKind, (call: ProviderCall) => Promise<ProviderResult>>
> {
  readonly name: string;
  /** What became of an operation under its key; `not_found` only where repeating the call under that key is right. */
  find(question: ProviderQuestion): Promise<ProviderResult>;
  /** All that it has of a payment, by the reference of its charge; absent where it cannot be asked so. */
  readonly books?: (call: ProviderCall) => Promise<ProviderResult>;
  /** Asks something harmless: undefined where the provider serves us, or what it answers instead. */
  probe(): Promise<string | undefined>;
  /** Undefined: its webhooks are not taken, for want of a secret. */
  readonly webhooks: ProviderWebhooks | undefined;
  close(): Promise<void>;
}

export class ProviderUnreachable extends Error {}
