import {
  type Environment,
  isProduction,
  readSettings,
  type Settings,
  type Values,
} from '#platform/runtime/settings.ts';
import type { Language } from '#contracts/languages.ts';
import { CUSTOMER_LANGUAGE, SHOP_NAME } from '#contracts/shop.ts';
import { keyOfSecret } from '#platform/http/standard-webhooks.ts';
import { templateProblem } from './carriers/links.ts';
import { carrierKey } from './carriers/port.ts';
import { SANDBOX_CARRIER } from './carriers/sandbox.ts';

const SECRET_MIN_BYTES = 16;

export const shippingSettings = {
  sandboxCarrierDelayMs: {
    type: 'milliseconds-or-off',
    env: 'SANDBOX_CARRIER_DELAY_MS',
    default: 1_000,
    meaning:
      'How long the sandbox carrier waits before it dispatches a shipment, and again before it delivers it; 0: at once; off (always in production, unless set): only the API moves shipments',
  },
  carrierSecrets: {
    type: 'secret',
    env: 'CARRIER_WEBHOOK_SECRETS',
    default: '',
    meaning:
      'Carriers that send signed messages to /webhooks/carriers/{name}, and what they sign with: `dhl=whsec_…;ups=whsec_…,whsec_…`; two secrets, comma-separated, while one is replaced. Empty: none are taken',
  },
  trackingLinks: {
    type: 'string',
    env: 'CARRIER_TRACKING_LINKS',
    default: '',
    meaning:
      'Pages on which customers follow parcels of carriers that OLMS does not know, or other pages of those it does: `Bike Couriers=https://bikes.example/t/{number};…`',
  },
} as const satisfies Settings;

export interface ShippingConfig extends Pick<Values<typeof shippingSettings>, 'sandboxCarrierDelayMs'> {
  /** Secrets by name of the carrier. */
  readonly feeds: ReadonlyMap<string, readonly string[]>;
  /** Templates of tracking links by name of the carrier. */
  readonly links: ReadonlyMap<string, string>;
}

/** The settings in force: a production system never ships by itself because somebody forgot a variable. */
export function shippingConfig(env: Environment): ShippingConfig {
  const { sandboxCarrierDelayMs: delay, ...others } = shippingSettings;
  const sandboxDelay = isProduction(env) ? { ...delay, default: undefined } : delay;
  const { sandboxCarrierDelayMs, carrierSecrets, trackingLinks } = readSettings(
    { sandboxCarrierDelayMs: sandboxDelay, ...others },
    env,
  );
  return { sandboxCarrierDelayMs, feeds: feedsIn(carrierSecrets), links: linksIn(trackingLinks) };
}

/** What slips take of the settings of the shop. */
export function slipSettings(env: Environment): { readonly shopName: string; readonly language: Language } {
  return readSettings({ shopName: SHOP_NAME, language: CUSTOMER_LANGUAGE } as const, env);
}

function feedsIn(text: string): Map<string, readonly string[]> {
  const feeds = new Map<string, readonly string[]>();
  for (const [name, value] of entriesIn(text, shippingSettings.carrierSecrets.env)) {
    const secrets = value
      .split(',')
      .map((secret) => secret.trim())
      .filter((secret) => secret !== '');
    if (secrets.length === 0 || secrets.some((secret) => keyOfSecret(secret).length < SECRET_MIN_BYTES))
      throw new Error(
        `Configuration: ${shippingSettings.carrierSecrets.env} must give ${name} secrets in base64 of at least ${SECRET_MIN_BYTES} bytes`,
      );
    if (carrierKey(name) === SANDBOX_CARRIER)
      throw new Error(`Configuration: ${shippingSettings.carrierSecrets.env}: the sandbox carrier sends no messages`);
    feeds.set(name, secrets);
  }
  return feeds;
}

function linksIn(text: string): Map<string, string> {
  const links = new Map(entriesIn(text, shippingSettings.trackingLinks.env));
  for (const [name, template] of links) {
    const problem = templateProblem(template);
    if (problem !== undefined)
      throw new Error(`Configuration: ${shippingSettings.trackingLinks.env}: the link of ${name} ${problem}`);
  }
  return links;
}

/** `name=value;name=value`; throws where a part is not of that shape. */
function entriesIn(text: string, variable: string): [string, string][] {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=');
      const name = part.slice(0, Math.max(at, 0)).trim();
      if (carrierKey(name) === '') throw new Error(`Configuration: ${variable} must be name=value;name=value`);
      return [name, part.slice(at + 1).trim()];
    });
}
