import { carrierKey } from './port.ts';

/** Where customers follow their parcels: the carriers' own pages. `{number}` stands for the tracking number. */

const PLACE = '{number}';

const LINKS: Readonly<Record<string, string>> = {
  'Australia Post': 'https://auspost.com.au/mypost/track/#/details/{number}',
  bpost: 'https://track.bpost.cloud/btr/web/#/search?itemCode={number}',
  'Canada Post': 'https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={number}',
  Chronopost: 'https://www.chronopost.fr/tracking-no-cms/suivi-page?listeNumerosLT={number}',
  Colissimo: 'https://www.laposte.fr/outils/suivre-vos-envois?code={number}',
  Correos: 'https://www.correos.es/es/en/tools/tracker/items/details?tracking-number={number}',
  DHL: 'https://www.dhl.com/global-en/home/tracking.html?tracking-id={number}',
  DPD: 'https://tracking.dpd.de/status/en_US/parcel/{number}',
  Evri: 'https://www.evri.com/track/parcel/{number}',
  FedEx: 'https://www.fedex.com/fedextrack/?trknbr={number}',
  GLS: 'https://gls-group.com/EU/en/parcel-tracking?match={number}',
  Hermes: 'https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation#{number}',
  'La Poste': 'https://www.laposte.fr/outils/suivre-vos-envois?code={number}',
  'Österreichische Post': 'https://www.post.at/sv/sendungsdetails?snr={number}',
  PostNL: 'https://postnl.nl/tracktrace/?B={number}',
  'Poste Italiane': 'https://www.poste.it/cerca/index.html#/risultati-spedizioni/{number}',
  'Royal Mail': 'https://www.royalmail.com/track-your-item#/tracking-results/{number}',
  'Swiss Post': 'https://service.post.ch/ekp-web/ui/entry/search/{number}',
  UPS: 'https://www.ups.com/track?tracknum={number}',
  USPS: 'https://tools.usps.com/go/TrackConfirmAction?tLabels={number}',
};

/** Names of the carriers whose links are known without a setting. */
export const LINKED_CARRIERS: readonly string[] = Object.keys(LINKS);

/** The page of a parcel, or undefined where the carrier has none that we know. */
export type TrackingLinks = (carrier: string, trackingNumber: string) => string | undefined;

/** Links by the built-in table, and before it by `own`: templates by name of a carrier. */
export function trackingLinks(own: ReadonlyMap<string, string> = new Map()): TrackingLinks {
  const templates = new Map<string, string>();
  for (const [name, template] of [...Object.entries(LINKS), ...own]) templates.set(carrierKey(name), template);
  return (carrier, trackingNumber) => {
    const template = templates.get(carrierKey(carrier));
    const number = trackingNumber.replace(/\s+/g, '');
    return template === undefined || number === ''
      ? undefined
      : template.replace(PLACE, () => encodeURIComponent(number));
  };
}

/** Why a template is none, or undefined. */
export function templateProblem(template: string): string | undefined {
  if (!template.includes(PLACE)) return `has no ${PLACE}`;
  if (!URL.canParse(template) || !/^https?:$/.test(new URL(template).protocol)) return 'is no http(s) URL';
  return undefined;
}
