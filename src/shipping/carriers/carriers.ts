import { manualCarrier } from './manual.ts';
import { type Carrier, carrierKey } from './port.ts';
import { SANDBOX_CARRIER, sandboxCarrier } from './sandbox.ts';
import { webhookCarrier } from './webhook.ts';

/** The carriers by name. */
export interface Carriers {
  readonly sandbox: Carrier;
  /** Any name has one: of a carrier that nobody configured, people say what became of its parcels. */
  of(name: string): Carrier;
}

export interface CarriersOptions {
  /** Undefined: the sandbox carrier does nothing. */
  readonly sandboxDelayMs: number | undefined;
  /** Secrets by name of a carrier that sends messages. */
  readonly feeds?: ReadonlyMap<string, readonly string[]>;
}

export function createCarriers({ sandboxDelayMs, feeds = new Map() }: CarriersOptions): Carriers {
  const sandbox = sandboxCarrier(sandboxDelayMs);
  const configured = new Map<string, Carrier>([[SANDBOX_CARRIER, sandbox]]);
  for (const [name, secrets] of feeds) configured.set(carrierKey(name), webhookCarrier(name, secrets));
  return { sandbox, of: (name) => configured.get(carrierKey(name)) ?? manualCarrier(name) };
}
