import { type Environment, readSettings, type Settings } from '#platform/runtime/settings.ts';
import type { Issuer } from './documents/issue.ts';
import { type Series, SERIES, seriesProblem } from './series.ts';

/** Billing's settings: who sells, as every document from then on says it. */
export const billingSettings = {
  name: {
    type: 'string',
    env: 'BILLING_SELLER_NAME',
    default: '',
    meaning:
      'Seller on invoices and credit notes: the name of the company. Documents keep the seller that they were issued by',
  },
  street: { type: 'string', env: 'BILLING_SELLER_STREET', default: '', meaning: 'Its street and house number' },
  postalCode: { type: 'string', env: 'BILLING_SELLER_POSTAL_CODE', default: '', meaning: 'Its postal code' },
  city: { type: 'string', env: 'BILLING_SELLER_CITY', default: '', meaning: 'Its city' },
  country: {
    type: 'string',
    env: 'BILLING_SELLER_COUNTRY',
    default: '',
    meaning: 'Its country, two letters (ISO 3166-1)',
  },
  vatId: {
    type: 'string',
    env: 'BILLING_SELLER_VAT_ID',
    default: '',
    meaning: 'Its number for value added tax, with the letters of the country',
  },
  taxNumber: {
    type: 'string',
    env: 'BILLING_SELLER_TAX_NUMBER',
    default: '',
    meaning: 'Its number at the tax office, where it has no other',
  },
  register: {
    type: 'string',
    env: 'BILLING_SELLER_REGISTER',
    default: '',
    meaning: 'Its entry in the register of companies',
  },
  email: { type: 'string', env: 'BILLING_SELLER_EMAIL', default: '', meaning: 'Where customers write to' },
  phone: { type: 'string', env: 'BILLING_SELLER_PHONE', default: '', meaning: 'Where customers call' },
  bank: { type: 'string', env: 'BILLING_SELLER_BANK', default: '', meaning: 'Its bank' },
  iban: {
    type: 'string',
    env: 'BILLING_SELLER_IBAN',
    default: '',
    meaning: 'Its account, for customers who pay by transfer',
  },
  bic: { type: 'string', env: 'BILLING_SELLER_BIC', default: '', meaning: 'The bank code of that account' },
  invoiceSeries: {
    type: 'string',
    env: 'BILLING_INVOICE_SERIES',
    default: SERIES.invoice,
    meaning:
      'What stands before the numbers of invoices, such as `RE-{year}-` or `INV-{country}-{year}-`: each year, each country that goods go to, has numbers of its own, without gaps',
  },
  creditNoteSeries: {
    type: 'string',
    env: 'BILLING_CREDIT_NOTE_SERIES',
    default: SERIES['credit-note'],
    meaning: 'The same of credit notes; they may be in the series of the invoices',
  },
  locale: {
    type: 'string',
    env: 'BILLING_LOCALE',
    default: 'en',
    meaning: 'Language of documents for customers whose order names none: `en`, `de`, `es`, `ar`',
  },
  exemption: {
    type: 'string',
    env: 'BILLING_TAX_EXEMPTION',
    default: 'No tax is charged',
    meaning: 'Why there is no tax, on documents about orders that name neither rates nor taxes',
  },
} as const satisfies Settings;

/** Who issues documents, by the settings. */
export function issuerOf(env: Environment): Issuer {
  const {
    locale,
    exemption,
    name,
    country,
    invoiceSeries: _,
    creditNoteSeries: __,
    ...rest
  } = readSettings(billingSettings, env);
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== ''));
  return {
    seller: { name, ...(country !== '' && { country: country.toUpperCase() }), ...given },
    locale,
    exemption,
  };
}

/** The series of numbers, by the settings. Throws where one is no series. */
export function seriesOf(env: Environment): Series {
  const { invoiceSeries, creditNoteSeries } = readSettings(billingSettings, env);
  for (const [variable, template] of [
    [billingSettings.invoiceSeries.env, invoiceSeries],
    [billingSettings.creditNoteSeries.env, creditNoteSeries],
  ] as const) {
    const problem = seriesProblem(template);
    if (problem !== undefined) throw new Error(`Configuration: ${variable} ${problem}`);
  }
  return { invoice: invoiceSeries, 'credit-note': creditNoteSeries };
}
