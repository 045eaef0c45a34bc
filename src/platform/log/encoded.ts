import type { Envelope } from '#contracts/envelope.ts';

/** An event whose data is still the JSON text it was stored as: who only hands it on need not understand it. */
export interface EncodedEvent extends Envelope<string> {}

export function encoded(event: Envelope): EncodedEvent {
  return { ...event, data: JSON.stringify(event.data ?? null) };
}

export function decoded(event: EncodedEvent): Envelope {
  return { ...event, data: parseData(event.data) };
}

/** Data that is no JSON stays text: the service's rules refuse it and its order is parked with what was found. */
export function parseData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
