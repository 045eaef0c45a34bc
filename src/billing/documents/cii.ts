import type { AllowanceOrCharge, Buyer, Document, DocumentLine, Seller, TaxOfRate } from './document.ts';
import { issueDay, NO_DISCOUNT_REASON, paymentMeans, paymentTerms } from './terms.ts';
import { type Element, group, text, xmlOf } from './xml.ts';

/** UN/CEFACT Cross Industry Invoice, as Factur-X embeds it: profile EN 16931. */

const NAMESPACES = {
  'xmlns:rsm': 'urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100',
  'xmlns:ram': 'urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100',
  'xmlns:udt': 'urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100',
};
const PROFILE = 'urn:cen.eu:en16931:2017';

/** The document in this syntax. The seller has to have a name, a country and a number for tax. */
export function ciiOf(document: Document): string {
  const {
    kind,
    number,
    issuedAt,
    currency,
    seller,
    buyer,
    delivery,
    reference,
    lines,
    allowances,
    charges,
    taxes,
    totals,
  } = document;
  const day = issueDay(issuedAt);
  const isCredit = kind === 'credit-note';
  return xmlOf([
    'rsm:CrossIndustryInvoice',
    [
      ['rsm:ExchangedDocumentContext', [['ram:GuidelineSpecifiedDocumentContextParameter', [['ram:ID', PROFILE]]]]],
      [
        'rsm:ExchangedDocument',
        [
          ['ram:ID', number],
          ['ram:TypeCode', isCredit ? '381' : '380'],
          ['ram:IssueDateTime', [date(day)]],
        ],
      ],
      [
        'rsm:SupplyChainTradeTransaction',
        [
          ...lines.map(lineOf),
          [
            'ram:ApplicableHeaderTradeAgreement',
            [
              party('ram:SellerTradeParty', seller, seller.country, [seller.street, undefined]),
              party('ram:BuyerTradeParty', buyer, buyer.countryCode, [buyer.line1, buyer.line2]),
              group(
                'ram:BuyerOrderReferencedDocument',
                text('ram:IssuerAssignedID', reference ?? document.orderNumber),
              ),
            ],
          ],
          [
            'ram:ApplicableHeaderTradeDelivery',
            [
              delivery &&
                party(
                  'ram:ShipToTradeParty',
                  { ...delivery, name: delivery.name ?? buyer.name },
                  delivery.countryCode,
                  [delivery.line1, delivery.line2],
                ),
              ['ram:ActualDeliverySupplyChainEvent', [['ram:OccurrenceDateTime', [date(day)]]]],
            ],
          ],
          [
            'ram:ApplicableHeaderTradeSettlement',
            [
              ['ram:InvoiceCurrencyCode', currency],
              means(document),
              ...taxes.map(taxOf),
              ...allowances.map((one) => allowanceOrCharge(one, false)),
              ...charges.map((one) => allowanceOrCharge(one, true)),
              ['ram:SpecifiedTradePaymentTerms', [['ram:Description', paymentTerms(document)]]],
              [
                'ram:SpecifiedTradeSettlementHeaderMonetarySummation',
                [
                  ['ram:LineTotalAmount', totals.lines],
                  ['ram:ChargeTotalAmount', totals.charges],
                  ['ram:AllowanceTotalAmount', totals.allowances],
                  ['ram:TaxBasisTotalAmount', totals.net],
                  ['ram:TaxTotalAmount', totals.tax, { currencyID: currency }],
                  ['ram:GrandTotalAmount', totals.total],
                  ['ram:TotalPrepaidAmount', totals.paid],
                  ['ram:DuePayableAmount', totals.due],
                ],
              ],
              ...(document.invoices ?? []).map((invoice): Element => [
                'ram:InvoiceReferencedDocument',
                [
                  ['ram:IssuerAssignedID', invoice.number],
                  ['ram:FormattedIssueDateTime', [date(issueDay(invoice.issuedAt), 'qdt')]],
                ],
              ]),
            ],
          ],
        ],
      ],
    ],
    { ...NAMESPACES, 'xmlns:qdt': 'urn:un:unece:uncefact:data:standard:QualifiedDataType:100' },
  ]);
}

function date(day: string, type = 'udt'): Element {
  return [`${type}:DateTimeString`, day.replaceAll('-', ''), { format: '102' }];
}

function lineOf(
  { name, sku, quantity, price, priceFor, amount, category, rate }: DocumentLine,
  index: number,
): Element {
  return [
    'ram:IncludedSupplyChainTradeLineItem',
    [
      ['ram:AssociatedDocumentLineDocument', [['ram:LineID', String(index + 1)]]],
      ['ram:SpecifiedTradeProduct', [text('ram:SellerAssignedID', sku), ['ram:Name', name]]],
      [
        'ram:SpecifiedLineTradeAgreement',
        [
          [
            'ram:NetPriceProductTradePrice',
            [
              ['ram:ChargeAmount', price],
              ['ram:BasisQuantity', String(priceFor), { unitCode: 'C62' }],
            ],
          ],
        ],
      ],
      ['ram:SpecifiedLineTradeDelivery', [['ram:BilledQuantity', String(quantity), { unitCode: 'C62' }]]],
      [
        'ram:SpecifiedLineTradeSettlement',
        [
          [
            'ram:ApplicableTradeTax',
            [
              ['ram:TypeCode', 'VAT'],
              ['ram:CategoryCode', category],
              ['ram:RateApplicablePercent', rate],
            ],
          ],
          ['ram:SpecifiedTradeSettlementLineMonetarySummation', [['ram:LineTotalAmount', amount]]],
        ],
      ],
    ],
  ];
}

function party(
  name: string,
  who: Pick<Buyer, 'name' | 'postalCode' | 'city' | 'region'> &
    Partial<Pick<Seller, 'register' | 'vatId' | 'taxNumber'>>,
  country: string | undefined,
  [line1, line2]: readonly [string | undefined, string | undefined],
): Element {
  return [
    name,
    [
      text('ram:Name', who.name),
      text('ram:Description', who.register),
      [
        'ram:PostalTradeAddress',
        [
          text('ram:PostcodeCode', who.postalCode),
          text('ram:LineOne', line1),
          text('ram:LineTwo', line2),
          text('ram:CityName', who.city),
          text('ram:CountryID', country),
          text('ram:CountrySubDivisionName', who.region),
        ],
      ],
      group('ram:SpecifiedTaxRegistration', text('ram:ID', who.vatId, { schemeID: 'VA' })),
      group('ram:SpecifiedTaxRegistration', text('ram:ID', who.taxNumber, { schemeID: 'FC' })),
    ],
  ];
}

function means(document: Document): Element {
  const { seller } = document;
  const code = paymentMeans(document);
  const isTransfer = code === '30';
  return [
    'ram:SpecifiedTradeSettlementPaymentMeans',
    [
      ['ram:TypeCode', code],
      isTransfer ? group('ram:PayeePartyCreditorFinancialAccount', text('ram:IBANID', seller.iban)) : undefined,
      isTransfer ? group('ram:PayeeSpecifiedCreditorFinancialInstitution', text('ram:BICID', seller.bic)) : undefined,
    ],
  ];
}

function taxOf({ base, tax, category, rate, exemption }: TaxOfRate): Element {
  return [
    'ram:ApplicableTradeTax',
    [
      ['ram:CalculatedAmount', tax],
      ['ram:TypeCode', 'VAT'],
      text('ram:ExemptionReason', exemption),
      ['ram:BasisAmount', base],
      ['ram:CategoryCode', category],
      ['ram:RateApplicablePercent', rate],
    ],
  ];
}

function allowanceOrCharge({ name, amount, category, rate }: AllowanceOrCharge, isCharge: boolean): Element {
  return [
    'ram:SpecifiedTradeAllowanceCharge',
    [
      ['ram:ChargeIndicator', [['udt:Indicator', String(isCharge)]]],
      ['ram:ActualAmount', amount],
      ['ram:Reason', name || NO_DISCOUNT_REASON],
      [
        'ram:CategoryTradeTax',
        [
          ['ram:TypeCode', 'VAT'],
          ['ram:CategoryCode', category],
          ['ram:RateApplicablePercent', rate],
        ],
      ],
    ],
  ];
}
