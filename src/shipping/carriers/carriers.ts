import { manualCarrier } from './manual.ts';
import { type Carrier, carrierKey } from './port.ts';
import { sandboxCarrier } from './sandbox.ts';

/** The carriers by name. */
export interface Carriers {
  readonly sandbox: Carrier;
  /** Any name has one: of a carrier that nobody configured, people say what became of its parcels. */
  of(name: string): Carrier;
}

/** The sandbox carrier, which does nothing where its delay is undefined; those that report; and all others. */
export function createCarriers(sandboxDelayMs: number | undefined, reporting: readonly Carrier[] = []): Carriers {
  const sandbox = sandboxCarrier(sandboxDelayMs);
  const configured = new Map([sandbox, ...reporting].map((carrier) => [carrierKey(carrier.name), carrier]));
  return { sandbox, of: (name) => configured.get(carrierKey(name)) ?? manualCarrier(name) };
}
