import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRightToLeft, type Language, languageOfLocale } from '#contracts/languages.ts';
import type { TextValue } from './template.ts';
import { dayText, moneyText } from './format.ts';
import {
  type Block,
  blocksOf,
  filled,
  headerLines,
  parseTemplate,
  patternOf,
  type Template,
  type Values,
} from './template.ts';

/** The templates of every language, and how their values are written in it. */

/** Files in `src/notifications/templates/<language>`. */
export const TEMPLATE_NAMES = [
  'order-received',
  'order-backordered',
  'order-rejected',
  'payment-awaited',
  'payment-reminder',
  'payment-pending',
  'payment-action',
  'order-paid',
  'payment-failed',
  'payment-again',
  'part-shipped',
  'order-shipped',
  'tracking-corrected',
  'order-completed',
  'order-settled',
  'part-cancelled',
  'claim-refund',
  'claim-reship',
  'return-expected',
  'return-arrived',
  'return-closed',
  'order-cancelled',
  'order-refunded',
  'cancelled-refunded',
] as const;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

/** Single words and lines, in `words.txt`. */
const WORDS = [
  'greeting',
  'order',
  'total',
  'newTotal',
  'discount',
  'shipping',
  'tax',
  'carrier',
  'trackingNumber',
  'outOfStock',
  'available',
  'payBy',
  'receivedSoFar',
  'stillToPay',
  'sendBy',
  'refundedNow',
  'refundedInAll',
  'moreItems',
  'lost',
  'damaged',
  'returned_to_sender',
  'note',
  'page',
  'questions',
  'why',
] as const;
export type Word = (typeof WORDS)[number];
const WORD_VALUES = ['order', 'available', 'requested', 'count', 'contact'];

const FOLDER = join(import.meta.dirname, '../templates');
/** Around a value in a sentence from right to left (Unicode's first strong isolate): numbers keep their own direction. */
const ISOLATE = '\u2068';
const POP_ISOLATE = '\u2069';
const LOCALE = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;

/** A message without what belongs to one channel. */
export interface Message {
  readonly language: Language;
  readonly subject: string;
  /** One or two sentences; all that a text message or a push carries. */
  readonly short: string;
  readonly blocks: readonly Block[];
  readonly link?: string | undefined;
}

/** Everything that is written in one language. */
export class LanguageWording {
  readonly language: Language;
  readonly #templates: ReadonlyMap<TemplateName, Template>;
  readonly #words: ReadonlyMap<string, ReturnType<typeof patternOf>>;

  /** Reads its files; throws where one is missing or none. */
  constructor(language: Language) {
    this.language = language;
    const read = (name: string): string => {
      try {
        return readFileSync(join(FOLDER, language, `${name}.txt`), 'utf8');
      } catch (error) {
        throw new Error(`There is no template ${language}/${name}.txt`, { cause: error });
      }
    };
    this.#templates = new Map(TEMPLATE_NAMES.map((name) => [name, parseTemplate(read(name))]));
    const words = headerLines(read('words'));
    this.#words = new Map(
      WORDS.map((name) => {
        const text = words.get(name);
        if (text === undefined) throw new Error(`${language}/words.txt does not say ${name}`);
        return [name, patternOf(text, WORD_VALUES)];
      }),
    );
  }

  word(name: Word, values: Readonly<Record<string, string>> = {}): string {
    return filled(this.#words.get(name)!, values) ?? '';
  }

  message(name: TemplateName, values: Values): Message {
    const template = this.#templates.get(name)!;
    const texts = isRightToLeft(this.language) ? isolated(values.texts) : values.texts;
    const whole = { ...values, texts };
    const sentence = filled(template.short, texts) ?? '';
    return {
      language: this.language,
      subject: filled(template.subject, texts) ?? '',
      short: values.note === undefined ? sentence : `${sentence} ${values.note}`,
      blocks: blocksOf(template, whole),
      link: values.link,
    };
  }
}

function isolated(texts: Values['texts']): Values['texts'] {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [
      name as TextValue,
      text === undefined ? undefined : `${ISOLATE}${text}${POP_ISOLATE}`,
    ]),
  );
}

const loaded = new Map<Language, LanguageWording>();

/** The files are read once in a process. */
export function wordingIn(language: Language): LanguageWording {
  let wording = loaded.get(language);
  if (!wording) loaded.set(language, (wording = new LanguageWording(language)));
  return wording;
}

/** What writes for one customer: in which words, and how amounts and days look. */
export interface Say {
  readonly words: LanguageWording;
  money(amount: string, currency: string | undefined): string;
  day(time: string): string;
}

/** How to write to whoever reads `locale`; in the default language where there are no templates in theirs. */
export function sayIn(locale: string | undefined, defaultLanguage: Language, timeZone: string): Say {
  const wanted = locale !== undefined && LOCALE.test(locale) ? locale : undefined;
  const theirs = languageOfLocale(wanted ?? '');
  const language = theirs ?? defaultLanguage;
  const format = theirs && isKnown(wanted!) ? wanted! : language;
  return {
    words: wordingIn(language),
    money: (amount, currency) => moneyText(amount, currency, format),
    day: (time) => dayText(time, format, timeZone),
  };
}

function isKnown(locale: string): boolean {
  try {
    return Intl.getCanonicalLocales(locale).length === 1;
  } catch {
    return false;
  }
}
