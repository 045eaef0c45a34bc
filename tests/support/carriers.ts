import { randomUUID } from 'node:crypto';
import { signWebhook } from '#sandbox/webhook.ts';
import type { Answer, Api } from './api.ts';

/** What a carrier says of a parcel, as `POST /webhooks/carriers/{name}` takes it. */
export interface CarrierMessage {
  readonly trackingNumber: string;
  readonly status: string;
  readonly at: string;
  readonly shipmentId?: string;
  readonly detail?: string;
}

/** A message as a carrier sends it: its bytes, and its signature by this secret at this time. */
export function signedByCarrier(
  secret: string,
  message: object,
  nowMs = Date.now(),
): { headers: Record<string, string>; body: string } {
  const body = JSON.stringify(message);
  const id = randomUUID();
  const timestampS = Math.floor(nowMs / 1000);
  return {
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(timestampS),
      'webhook-signature': signWebhook(secret, id, timestampS, body),
    },
    body,
  };
}

/** Sends a carrier's message through the API. */
export function carrierSays(api: Api, carrier: string, secret: string, message: CarrierMessage): Promise<Answer> {
  const { headers, body } = signedByCarrier(secret, message);
  return api.as(undefined).call('POST', `/webhooks/carriers/${carrier}`, { body, headers });
}
