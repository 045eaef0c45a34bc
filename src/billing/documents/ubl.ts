import type { Address } from '#contracts/order-events.ts';
import type { AllowanceOrCharge, Document, DocumentLine, Taxed, TaxOfRate } from './document.ts';
import { issueDay, NO_DISCOUNT_REASON, paymentMeans, paymentTerms } from './terms.ts';
import { type Element, group, text, xmlOf } from './xml.ts';

/** OASIS UBL 2.1: an Invoice or a CreditNote, with the same amounts as the other syntax. */

const NAMESPACES = {
  'xmlns:cac': 'urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2',
  'xmlns:cbc': 'urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2',
};
const PROFILE = 'urn:cen.eu:en16931:2017';

/** The document in this syntax. The seller has to have a name, a country and a number for tax. */
export function ublOf(document: Document): string {
  const { kind, number, issuedAt, currency, seller, buyer, delivery, reference, orderNumber, taxes, totals } = document;
  const isCredit = kind === 'credit-note';
  const root = isCredit ? 'CreditNote' : 'Invoice';
  const day = issueDay(issuedAt);
  const amount = (name: string, value: string): Element => [name, value, { currencyID: currency }];
  const orderReference = reference ?? orderNumber;
  return xmlOf([
    root,
    [
      ['cbc:CustomizationID', PROFILE],
      ['cbc:ID', number],
      ['cbc:IssueDate', day],
      [isCredit ? 'cbc:CreditNoteTypeCode' : 'cbc:InvoiceTypeCode', isCredit ? '381' : '380'],
      ['cbc:DocumentCurrencyCode', currency],
      group('cac:OrderReference', text('cbc:ID', orderReference)),
      ...(document.invoices ?? []).map((invoice): Element => [
        'cac:BillingReference',
        [
          [
            'cac:InvoiceDocumentReference',
            [
              ['cbc:ID', invoice.number],
              ['cbc:IssueDate', issueDay(invoice.issuedAt)],
            ],
          ],
        ],
      ]),
      [
        'cac:AccountingSupplierParty',
        [
          [
            'cac:Party',
            [
              group('cac:PartyName', text('cbc:Name', seller.name)),
              address('cac:PostalAddress', { ...seller, line1: seller.street ?? '' }, seller.country),
              scheme(seller.vatId, 'VAT'),
              scheme(seller.taxNumber, 'TAX'),
              [
                'cac:PartyLegalEntity',
                [['cbc:RegistrationName', seller.name], text('cbc:CompanyLegalForm', seller.register)],
              ],
            ],
          ],
        ],
      ],
      [
        'cac:AccountingCustomerParty',
        [
          [
            'cac:Party',
            [
              address('cac:PostalAddress', buyer, buyer.countryCode),
              ['cac:PartyLegalEntity', [['cbc:RegistrationName', buyer.name]]],
            ],
          ],
        ],
      ],
      [
        'cac:Delivery',
        [
          ['cbc:ActualDeliveryDate', day],
          delivery && ['cac:DeliveryLocation', [address('cac:Address', delivery, delivery.countryCode)]],
          delivery && group('cac:DeliveryParty', group('cac:PartyName', text('cbc:Name', delivery.name ?? buyer.name))),
        ],
      ],
      means(document),
      ['cac:PaymentTerms', [['cbc:Note', paymentTerms(document)]]],
      ...document.allowances.map((one) => allowanceOrCharge(one, false, amount)),
      ...document.charges.map((one) => allowanceOrCharge(one, true, amount)),
      ['cac:TaxTotal', [amount('cbc:TaxAmount', totals.tax), ...taxes.map((tax) => subtotal(tax, amount))]],
      [
        'cac:LegalMonetaryTotal',
        [
          amount('cbc:LineExtensionAmount', totals.lines),
          amount('cbc:TaxExclusiveAmount', totals.net),
          amount('cbc:TaxInclusiveAmount', totals.total),
          amount('cbc:AllowanceTotalAmount', totals.allowances),
          amount('cbc:ChargeTotalAmount', totals.charges),
          amount('cbc:PrepaidAmount', totals.paid),
          amount('cbc:PayableAmount', totals.due),
        ],
      ],
      ...document.lines.map((line, index) => lineOf(line, index, isCredit, amount)),
    ],
    { xmlns: `urn:oasis:names:specification:ubl:schema:xsd:${root}-2`, ...NAMESPACES },
  ]);
}

function address(
  name: string,
  { line1, line2, city, postalCode, region }: Address,
  country: string | undefined,
): Element {
  return [
    name,
    [
      text('cbc:StreetName', line1),
      text('cbc:AdditionalStreetName', line2),
      text('cbc:CityName', city),
      text('cbc:PostalZone', postalCode),
      text('cbc:CountrySubentity', region),
      group('cac:Country', text('cbc:IdentificationCode', country)),
    ],
  ];
}

function scheme(id: string | undefined, name: string): Element | undefined {
  return id === undefined
    ? undefined
    : [
        'cac:PartyTaxScheme',
        [
          ['cbc:CompanyID', id],
          ['cac:TaxScheme', [['cbc:ID', name]]],
        ],
      ];
}

function means(document: Document): Element {
  const code = paymentMeans(document);
  const { iban, bic } = document.seller;
  return [
    'cac:PaymentMeans',
    [
      ['cbc:PaymentMeansCode', code],
      code === '30' && iban !== undefined
        ? [
            'cac:PayeeFinancialAccount',
            [['cbc:ID', iban], group('cac:FinancialInstitutionBranch', text('cbc:ID', bic))],
          ]
        : undefined,
    ],
  ];
}

function category(name: string, { category: code, rate }: Taxed, exemption?: string): Element {
  return [
    name,
    [
      ['cbc:ID', code],
      ['cbc:Percent', rate],
      text('cbc:TaxExemptionReason', exemption),
      ['cac:TaxScheme', [['cbc:ID', 'VAT']]],
    ],
  ];
}

type AmountElement = (name: string, value: string) => Element;

function subtotal(tax: TaxOfRate, amount: AmountElement): Element {
  return [
    'cac:TaxSubtotal',
    [
      amount('cbc:TaxableAmount', tax.base),
      amount('cbc:TaxAmount', tax.tax),
      category('cac:TaxCategory', tax, tax.exemption),
    ],
  ];
}

function allowanceOrCharge(one: AllowanceOrCharge, isCharge: boolean, amount: AmountElement): Element {
  return [
    'cac:AllowanceCharge',
    [
      ['cbc:ChargeIndicator', String(isCharge)],
      ['cbc:AllowanceChargeReason', one.name || NO_DISCOUNT_REASON],
      amount('cbc:Amount', one.amount),
      category('cac:TaxCategory', one),
    ],
  ];
}

function lineOf(line: DocumentLine, index: number, isCredit: boolean, amount: AmountElement): Element {
  return [
    isCredit ? 'cac:CreditNoteLine' : 'cac:InvoiceLine',
    [
      ['cbc:ID', String(index + 1)],
      [isCredit ? 'cbc:CreditedQuantity' : 'cbc:InvoicedQuantity', String(line.quantity), { unitCode: 'C62' }],
      amount('cbc:LineExtensionAmount', line.amount),
      [
        'cac:Item',
        [
          ['cbc:Name', line.name],
          group('cac:SellersItemIdentification', text('cbc:ID', line.sku)),
          category('cac:ClassifiedTaxCategory', line),
        ],
      ],
      [
        'cac:Price',
        [amount('cbc:PriceAmount', line.price), ['cbc:BaseQuantity', String(line.priceFor), { unitCode: 'C62' }]],
      ],
    ],
  ];
}
