import type { OperationKind } from './rules/operation.ts';
import type { ProviderResult } from './rules/operation.ts';

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

/** A webhook as a provider means it. */
export interface ProviderNotice {
  readonly orderId: string;
  readonly key: string;
  readonly result: ProviderResult;
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
  /** What became of the operation under a key. */
  find(key: string, traceparent?: string): Promise<ProviderResult>;
  /** Signs its webhooks; undefined: none are accepted. */
  readonly webhookSecret: string | undefined;
  /** The meaning of a verified webhook; undefined where it is about nothing of ours. */
  readWebhook(payload: unknown): ProviderNotice | undefined;
  close(): Promise<void>;
}

export class ProviderUnreachable extends Error {}
