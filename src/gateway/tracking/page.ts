import { createHash } from 'node:crypto';
import { isoTime } from '#contracts/time.ts';
import { idTimeMs } from '#contracts/ids.ts';
import { isRightToLeft, type Language } from '#contracts/languages.ts';
import { escapeHtml } from '#contracts/text.ts';
import { type Situation, type Step, STEPS, WORDS, type Words } from './words.ts';

/** The tracking page of an order as one HTML file: no script, nothing loaded from anywhere, under 50 KB. */

/** What of an order its page needs. */
export interface TrackedOrder {
  readonly id: string;
  readonly number: string;
  readonly status: Exclude<Situation, 'HELD'>;
  readonly paymentStatus: string;
  readonly holds: readonly unknown[];
  readonly currency: string;
  readonly totalAmount: string;
  readonly refundedAmount: string;
  readonly items: readonly { readonly sku: string; readonly name?: string; readonly quantity: number }[];
  readonly shipments: readonly {
    readonly carrier: string;
    readonly trackingNumber: string;
    readonly trackingUrl?: string;
    readonly delivered: boolean;
  }[];
  readonly shippingAddress?: Readonly<Record<string, string>>;
  readonly allowedActions: readonly string[];
}

export const ADDRESS_FIELDS = ['name', 'line1', 'line2', 'postalCode', 'city', 'country'] as const;
export type AddressField = (typeof ADDRESS_FIELDS)[number];

/** What a page says beside the order. */
export interface Shown {
  readonly language: Language;
  /** Path of the page, to which its forms are sent. */
  readonly path: string;
  /** Makes what a form asks for happen once, however often it is sent. */
  readonly key: string;
  readonly notice?: { readonly text: keyof Words; readonly isProblem: boolean };
  /** An address that was not taken, as it was typed, and the fields that are wrong. */
  readonly address?: Readonly<Partial<Record<AddressField, string>>>;
  readonly wrong?: ReadonlySet<string>;
}

const STYLE = `:root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--text:#1b2330;--dim:#5d6878;--line:#e2e6ec;--accent:#0a6b4f;--on:#fff;--bad:#b3261e;--soft:#eaf5f1}
@media(prefers-color-scheme:dark){:root{--bg:#10141a;--card:#181e26;--text:#e7ebf1;--dim:#9ca8b8;--line:#2b343f;--accent:#4cc38a;--on:#07150f;--bad:#ff8a80;--soft:#16271f}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--text);font:17px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans Arabic",Arial,sans-serif}
main{max-width:42rem;margin:0 auto;padding:1.5rem 1rem 3rem}section,header{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.3rem 1.4rem;margin:0 0 1rem}
h1{font-size:1.55rem;line-height:1.25;margin:.2rem 0 .4rem}h2{font-size:1rem;margin:0 0 .6rem}p{margin:.2rem 0 .6rem}.dim{color:var(--dim);font-size:.92rem}
.steps{list-style:none;display:flex;gap:.35rem;margin:1.4rem 0 .2rem;padding:0}.steps li{flex:1;min-width:0;border-top:5px solid var(--line);padding-top:.5rem;font-size:.86rem;color:var(--dim);overflow-wrap:anywhere}
.steps+p{margin:1.1rem 0 0}.steps .done{border-color:var(--accent)}.steps .now{border-color:var(--accent);color:var(--text);font-weight:650}
.list{list-style:none;margin:0;padding:0}.list li{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.2rem 1rem;padding:.55rem 0;border-top:1px solid var(--line)}.list li:first-child{border-top:0}
dl{display:flex;justify-content:space-between;gap:1rem;margin:.5rem 0 0;border-top:1px solid var(--line);padding-top:.6rem}dd{margin:0;font-variant-numeric:tabular-nums}
a{color:var(--accent)}bdi{unicode-bidi:isolate}details{border-top:1px solid var(--line);padding:.7rem 0}details:first-of-type{border-top:0;padding-top:0}summary{cursor:pointer;font-weight:600}
label{display:block;margin:.7rem 0 0;font-size:.92rem;color:var(--dim)}input{display:block;width:100%;margin-top:.2rem;font:inherit;color:var(--text);background:var(--bg);border:1px solid var(--line);border-radius:8px;padding:.55rem .7rem}
input[aria-invalid]{border-color:var(--bad)}button{margin-top:1rem;font:inherit;font-weight:650;border:0;border-radius:9px;padding:.65rem 1.2rem;cursor:pointer;background:var(--accent);color:var(--on)}.no{background:var(--bad);color:var(--card)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}.notice{background:var(--soft);border-color:var(--accent)}.notice.bad{background:var(--card);border-color:var(--bad)}.notice p{margin:0}
nav{display:flex;gap:.2rem 1rem;flex-wrap:wrap;justify-content:center}
@media(max-width:36rem){.steps{flex-direction:column;gap:.15rem}.steps li{border-top:0;border-inline-start:5px solid var(--line);padding:.25rem 0 .25rem .8rem}}`;

/** Headers of a tracking page: its link is known to nobody beside, and nobody keeps or frames it. */
export const TRACKING_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex, nofollow',
} as const;

/** Names of languages, each in itself. */
const NAMES: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch', es: 'Español', ar: 'العربية' };

function frame(language: Language, title: string, body: string): string {
  const direction = isRightToLeft(language) ? 'rtl' : 'ltr';
  const others = Object.entries(NAMES)
    .filter(([code]) => code !== language)
    .map(([code, name]) => `<a href="?lang=${code}" hreflang="${code}" lang="${code}">${name}</a>`);
  return `<!doctype html><html lang="${language}" dir="${direction}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title><link rel="icon" href="data:,"><style>${STYLE}</style></head><body><main>${body}<nav class="dim">${others.join('')}</nav></main></body></html>`;
}

/** A page that is about no order: what is wrong with the link, or that nothing can be seen now. */
export function plainPage(language: Language, about: 'expired' | 'unknown' | 'away'): string {
  const [headline, sentence] = WORDS[language][about];
  return frame(language, headline, `<header><h1>${escapeHtml(headline)}</h1><p>${escapeHtml(sentence)}</p></header>`);
}

/** Where an order stands for its customer. */
function situationOf({ status, holds, paymentStatus }: TrackedOrder): Situation {
  const waits = status === 'RESERVED' || status === 'PAID' || status === 'CREATED';
  if (waits && holds.length > 0) return 'HELD';
  return status === 'RESERVED' && paymentStatus === 'CAPTURED' ? 'PAID' : status;
}

const REACHED: Readonly<Partial<Record<TrackedOrder['status'], Step>>> = {
  CREATED: 'ordered',
  BACKORDERED: 'ordered',
  RESERVED: 'ordered',
  PAYMENT_PENDING: 'ordered',
  PAID: 'paid',
  READY_FOR_SHIPMENT: 'packed',
  PARTIALLY_SHIPPED: 'shipped',
  SHIPPED: 'shipped',
  COMPLETED: 'delivered',
};

/** The page of an order. */
export function trackingPage(order: TrackedOrder, shown: Shown): string {
  const words = WORDS[shown.language];
  const [headline, sentence] = words.situations[situationOf(order)];
  const title = `${words.order} ${order.number}`;
  const placed = idTimeMs(order.id);
  const date = new Intl.DateTimeFormat(shown.language, { dateStyle: 'long', timeZone: 'UTC' }).format(placed);
  return frame(
    shown.language,
    `${title}: ${headline}`,
    [
      shown.notice &&
        `<section class="notice${shown.notice.isProblem ? ' bad' : ''}" role="status"><p>${escapeHtml(words[shown.notice.text])}</p></section>`,
      `<header><p class="dim">${escapeHtml(words.order)} <bdi>${escapeHtml(order.number)}</bdi></p><h1>${escapeHtml(headline)}</h1><p>${escapeHtml(sentence)}</p>${stepsOf(order, words)}<p class="dim">${escapeHtml(words.placedOn)} <time datetime="${isoTime(placed)}">${escapeHtml(date)}</time></p></header>`,
      parcelsOf(order, words),
      itemsOf(order, words, shown.language),
      actionsOf(order, words, shown),
      `<p class="dim">${escapeHtml(words.secret)}</p>`,
    ]
      .filter(Boolean)
      .join(''),
  );
}

function stepsOf({ status }: TrackedOrder, words: Words): string {
  const reached = REACHED[status];
  if (reached === undefined) return '';
  const at = STEPS.indexOf(reached);
  const steps = STEPS.map((step, index) => {
    const mark = index < at ? ' class="done"' : index === at ? ' class="now" aria-current="step"' : '';
    return `<li${mark}>${escapeHtml(words.steps[step])}</li>`;
  });
  return `<ol class="steps">${steps.join('')}</ol>`;
}

function parcelsOf({ shipments }: TrackedOrder, words: Words): string {
  if (shipments.length === 0) return '';
  const parcels = shipments.map(({ carrier, trackingNumber, trackingUrl, delivered }) => {
    const number = `<bdi>${escapeHtml(trackingNumber)}</bdi>`;
    // Links that a carrier's table made; whatever else an order was given is shown as text.
    const link =
      trackingUrl !== undefined && trackingUrl.startsWith('https://')
        ? `<a href="${escapeHtml(trackingUrl)}" rel="noreferrer noopener">${escapeHtml(words.follow)}</a>`
        : '';
    return `<li><span>${escapeHtml(words.parcel)} <bdi>${escapeHtml(carrier)}</bdi> · ${number}<br><span class="dim">${escapeHtml(delivered ? words.arrived : words.onItsWay)}</span></span>${link}</li>`;
  });
  return `<section><h2>${escapeHtml(words.parcels)}</h2><ul class="list">${parcels.join('')}</ul></section>`;
}

/** Lines of an order that a page shows one by one. */
const ITEMS_MAX = 100;

function itemsOf(order: TrackedOrder, words: Words, language: Language): string {
  const { items, shippingAddress, currency } = order;
  const money = (amount: string): string =>
    new Intl.NumberFormat(language, { style: 'currency', currency }).format(amount as `${number}`);
  const lines = items
    .slice(0, ITEMS_MAX)
    .map(({ name, sku, quantity }) => `<li><bdi>${escapeHtml(name ?? sku)}</bdi><span>× ${quantity}</span></li>`);
  if (items.length > ITEMS_MAX) lines.push(`<li>… + ${items.length - ITEMS_MAX}</li>`);
  const town = [shippingAddress?.['postalCode'], shippingAddress?.['city']].filter(Boolean).join(' ');
  const place = [shippingAddress?.['name'], town].filter(Boolean);
  const fact = (name: string, value: string): string =>
    `<dl><dt>${escapeHtml(name)}</dt><dd><bdi>${escapeHtml(value)}</bdi></dd></dl>`;
  return [
    `<section><h2>${escapeHtml(words.items)}</h2><ul class="list">${lines.join('')}</ul>`,
    fact(words.total, money(order.totalAmount)),
    /[1-9]/.test(order.refundedAmount) ? fact(words.givenBack, money(order.refundedAmount)) : '',
    place.length > 0 ? fact(words.goesTo, place.join(', ')) : '',
    '</section>',
  ].join('');
}

/** What the customer may still do, as the order allows it now. */
function actionsOf({ allowedActions }: TrackedOrder, words: Words, { path, key, address, wrong }: Shown): string {
  const hidden = `<input type="hidden" name="key" value="${escapeHtml(key)}">`;
  const parts: string[] = [];
  if (allowedActions.includes('amend')) {
    const fields = ADDRESS_FIELDS.map((name) => {
      const value = address?.[name] ?? '';
      const required = name === 'line2' ? '' : ' required';
      const invalid = wrong?.has(name) ? ' aria-invalid="true"' : '';
      const size = name === 'country' ? ' maxlength="2" autocapitalize="characters"' : ' maxlength="200"';
      return `<label>${escapeHtml(words.fields[name])}<input name="${name}" value="${escapeHtml(value)}" autocomplete="${AUTOCOMPLETE[name]}"${size}${required}${invalid}></label>`;
    });
    parts.push(
      `<details${address ? ' open' : ''}><summary>${escapeHtml(words.address)}</summary><form method="post" action="${escapeHtml(path)}/address">${hidden}<p class="dim">${escapeHtml(words.addressHint)}</p>${fields.join('')}<button>${escapeHtml(words.addressButton)}</button></form></details>`,
    );
  }
  if (allowedActions.includes('cancel'))
    parts.push(
      `<details><summary>${escapeHtml(words.cancel)}</summary><form method="post" action="${escapeHtml(path)}/cancel">${hidden}<p>${escapeHtml(words.cancelQuestion)}</p><button class="no">${escapeHtml(words.cancelButton)}</button></form></details>`,
    );
  return parts.length === 0 ? '' : `<section>${parts.join('')}</section>`;
}

/** Names of the HTML standard, by which browsers fill in an address. */
const AUTOCOMPLETE: Readonly<Record<AddressField, string>> = {
  name: 'name',
  line1: 'address-line1',
  line2: 'address-line2',
  postalCode: 'postal-code',
  city: 'address-level2',
  country: 'country',
};
