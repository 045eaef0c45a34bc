import type { IncomingHttpHeaders } from 'node:http';

/** A message of a carrier about its parcels, as it was sent. */
export interface CarrierMessage {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly nowMs: number;
}

/** How a carrier reports by itself where its parcels are. */
export interface TrackingFeed {
  /** Why a message cannot be authentic and recent whatever its body is; undefined where it can. */
  headProblem(headers: IncomingHttpHeaders, nowMs: number): string | undefined;
  /** Why a message is not authentic and recent, verified on its bytes as sent; undefined where it is. */
  problem(message: CarrierMessage): string | undefined;
}

/**
 * The port to a carrier: by whom it becomes known that a parcel has moved. Whatever the carrier, the API can say so too,
 * because somebody may have asked at the counter.
 */
export interface Carrier {
  /** As people write it; carriers are compared by {@link carrierKey}. */
  readonly name: string;
  /** The number it gives a parcel that it takes by itself; undefined where whoever dispatches says it. */
  numberOf?(shipmentId: string): string;
  /** When it takes its next step with a parcel by itself, in milliseconds since 1970; undefined: it never does. */
  nextStepMs(nowMs: number): number | undefined;
  /** Undefined: it sends no messages. */
  readonly feed: TrackingFeed | undefined;
}

/** A carrier's name as carriers are compared: `Royal Mail` and `royal-mail` are one. */
export function carrierKey(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

/** A tracking number as numbers are compared: they are printed in groups and typed without. */
export function trackingKey(trackingNumber: string): string {
  return trackingNumber.toUpperCase().replace(/[^0-9A-Z]/g, '');
}
