import type { Address } from '#contracts/order-events.ts';

/** What the demo sells, and to whom. */

export interface Article {
  readonly sku: string;
  readonly name: string;
  readonly price: string;
  /** How many are bought at a time, where that is not one to three. */
  readonly pieces?: number;
  /** Where it lies; nowhere: it is short on purpose. */
  readonly locations: readonly string[];
}

/** So much of an article in an order. */
export interface Line {
  readonly article: Article;
  readonly quantity: number;
}

export const BERLIN = 'berlin';
export const LYON = 'lyon';
/** Where they are, as slips say it. */
export const PLACES: Readonly<Record<string, Address>> = {
  [BERLIN]: { name: 'Lager Berlin', line1: 'Westhafenstraße 1', postalCode: '13353', city: 'Berlin', country: 'DE' },
  [LYON]: { name: 'Entrepôt de Lyon', line1: '12 rue de Gerland', postalCode: '69007', city: 'Lyon', country: 'FR' },
};

export const ARTICLES: readonly Article[] = [
  { sku: 'MUG-ENAMEL', name: 'Enamel mug', price: '14.90', locations: [BERLIN, LYON] },
  { sku: 'LAMP-WALNUT', name: 'Walnut desk lamp', price: '89.00', locations: [BERLIN] },
  { sku: 'BLANKET-WOOL', name: 'Wool blanket', price: '119.00', locations: [LYON] },
  { sku: 'NOTEBOOK-A5', name: 'Linen notebook A5', price: '12.50', locations: [BERLIN, LYON] },
  { sku: 'KETTLE-STEEL', name: 'Steel kettle', price: '64.00', locations: [BERLIN] },
  { sku: 'SCREW-M4', name: 'Brass screw M4', price: '0.0375', pieces: 50, locations: [BERLIN] },
  { sku: 'VASE-GLASS', name: 'Hand-blown vase', price: '48.00', locations: [LYON] },
  { sku: 'TEAPOT-RARE', name: 'Teapot, limited edition', price: '240.00', locations: [] },
];
export const SHORT = ARTICLES.at(-1)!;
export const SOLD = ARTICLES.filter((article) => article.locations.length > 0);

export const PEOPLE = [
  'Ada Moreau',
  'Jonas Weber',
  'Inès Laurent',
  'Sven Lindqvist',
  'Marta Rossi',
  'Tom Okafor',
  'Yuki Tanaka',
  'Lea Novak',
];
export const CITIES = [
  { city: 'Berlin', postalCode: '10115', country: 'DE' },
  { city: 'Lyon', postalCode: '69002', country: 'FR' },
  { city: 'Milano', postalCode: '20121', country: 'IT' },
  { city: 'Göteborg', postalCode: '41103', country: 'SE' },
];
export const CHANNELS = ['web', 'web', 'web', 'store', 'marketplace'];
