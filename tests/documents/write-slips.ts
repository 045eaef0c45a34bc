import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Language } from '#contracts/languages.ts';
import { LANGUAGES } from '#contracts/languages.ts';
import type { Address } from '#contracts/order-events.ts';
import { PAPERS } from '#platform/paper/sheet.ts';
import { packingSlipOf, returnSlipOf } from '#shipping/slips/slips.ts';

/** Slips as customers get them in each language, to be looked at and read by other programs. */

const CUSTOMERS: Readonly<Record<Language, Address>> = {
  en: { name: 'Ada Lovelace', line1: '12 St James’s Square', city: 'London', postalCode: 'SW1Y 4JH', country: 'GB' },
  de: {
    name: 'Jörg Weißmüller',
    company: 'Müller & Söhne',
    line1: 'Hauptstraße 5',
    postalCode: '10115',
    city: 'Berlin',
  },
  es: { name: 'José Peña Ibáñez', line1: 'Calle de Alcalá 45', postalCode: '28014', city: 'Madrid', country: 'España' },
  ar: { name: 'ليلى حسن', line1: 'شارع الملك فهد 12', city: 'الرياض', postalCode: '11564', country: 'السعودية' },
};
const NAMES: Readonly<Record<Language, readonly [string, string]>> = {
  en: ['Mug, white', 'Teapot of cast iron with a sieve of stainless steel, for a liter of tea, black'],
  de: ['Becher, weiß', 'Teekanne aus Gusseisen mit Sieb aus Edelstahl, für einen Liter Tee, schwarz'],
  es: ['Taza blanca', 'Tetera de hierro fundido con colador de acero inoxidable, para un litro de té, negra'],
  ar: ['كوب أبيض', 'إبريق شاي من الحديد الزهر مع مصفاة من الفولاذ المقاوم للصدأ MUG'],
};
const WAREHOUSE: Address = {
  name: 'Example Shop, Warehouse North',
  line1: 'Am Hafen 7',
  postalCode: '20457',
  city: 'Hamburg',
  country: 'DE',
};
const ORDER = 'K7M4-92QX-F';

/** Writes a packing slip (`packing-slip-de-A4.pdf`) and a return slip for each language and paper; resolves to what each bar code says. */
export async function writeSlips(folder: string): Promise<Record<string, string>> {
  mkdirSync(folder, { recursive: true });
  const codes: Record<string, string> = {};
  for (const language of LANGUAGES)
    for (const paper of PAPERS) {
      const [mug, pot] = NAMES[language];
      const order = {
        number: ORDER,
        reference: 'PO-4711',
        shippingAddress: CUSTOMERS[language],
        items: [
          { sku: 'MUG-1', name: mug, quantity: 2 },
          { sku: 'POT-7', name: pot, quantity: 1 },
        ],
        returns: [],
      };
      const slip = {
        order,
        place: { location: 'north', address: WAREHOUSE },
        shopName: 'Example Shop',
        language,
        paper,
        at: new Date('2026-11-29T09:00:00Z'),
      };
      const shipment = {
        id: '0192f0c1-2a3b-7c4d-8e5f-0123456789ab',
        location: 'north',
        status: 'DISPATCHED',
        carrier: 'DHL',
        trackingNumber: 'JD0146000123',
        items: [
          ...order.items,
          // More than a page.
          ...Array.from({ length: 40 }, (_, index) => ({ sku: `SPARE-${index + 1}`, quantity: index + 1 })),
        ],
      } as const;
      const entry = {
        returnId: shipment.id,
        number: `${ORDER}-R1`,
        items: [
          { sku: 'MUG-1', name: mug, quantity: 1, reasonCode: 'damaged' },
          { sku: 'POT-7', name: pot, quantity: 1, reasonCode: 'not_as_described' },
        ],
      };
      const write = (kind: string, code: string, pdf: Buffer): void => {
        const name = `${kind}-${language}-${paper}.pdf`;
        writeFileSync(join(folder, name), pdf);
        codes[name] = code;
      };
      write('packing-slip', ORDER, await packingSlipOf({ ...slip, shipment, nth: 1, parcels: 2 }));
      write('return-slip', entry.number, await returnSlipOf({ ...slip, entry }));
    }
  return codes;
}
