import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRightToLeft, type Language } from '#contracts/languages.ts';
import { escapeHtml } from '#contracts/text.ts';
import type { Block } from './template.ts';
import { type LanguageWording, wordingIn } from './wording.ts';

/**
 * The frame around every mail: `layout.html` for its HTML, and the text that is the same message without one. Layout by
 * tables and inline styles, because mail programs know little more; the style sheet only adds the dark and the narrow
 * form. Nothing is fetched: the logo comes with the mail. Every value is escaped.
 */

/** How a message feels; the HTML takes its color from it. */
export type Tone = 'good' | 'neutral' | 'attention' | 'bad';

/** Whose messages they are. */
export interface Shop {
  readonly name: string;
  /** Where customers write to. */
  readonly contact: string;
  readonly address?: string | undefined;
  readonly url?: string | undefined;
  /** Under what the HTML finds the logo: `cid:…` in a mail, `data:…` in a page; absent: the name stands there. */
  readonly logo?: string | undefined;
}

export interface HtmlMessage {
  readonly language: Language;
  readonly tone: Tone;
  readonly subject: string;
  readonly short: string;
  /** What the customer calls the order. */
  readonly order?: string | undefined;
  readonly blocks: readonly Block[];
  /** Where the customer sees the order without signing in. */
  readonly page?: string | undefined;
}

const COLORS: Readonly<Record<Tone, string>> = {
  good: '#14694a',
  neutral: '#33527a',
  attention: '#8a5a00',
  bad: '#9b2c2c',
};
const LINK = /^https?:\/\//;

/** The pieces of `layout.html`: each begins with a comment that names it. */
const PIECES = piecesOf(readFileSync(join(import.meta.dirname, '../templates/layout.html'), 'utf8'));

function piecesOf(file: string): ReadonlyMap<string, string> {
  const parts = file.split(/<!-- piece: ([\w-]+) -->\n/).slice(1);
  return new Map(
    parts.filter((_, index) => index % 2 === 0).map((name, index) => [name, parts[index * 2 + 1]!.trimEnd()]),
  );
}

/** A piece with values in it: `{{name}}` escaped, `{{{name}}}` as HTML of our own. */
function piece(name: string, values: Readonly<Record<string, string>>): string {
  return PIECES.get(name)!.replace(
    /\{\{\{(\w+)\}\}\}|\{\{(\w+)\}\}/g,
    (_, html: string | undefined, text: string | undefined) =>
      html === undefined ? escapeHtml(values[text!] ?? '') : (values[html] ?? ''),
  );
}

export function htmlOf(message: HtmlMessage, shop: Shop): string {
  const { language, tone, subject, short, order, blocks, page } = message;
  const words = wordingIn(language);
  const direction = {
    lang: language,
    dir: isRightToLeft(language) ? 'rtl' : 'ltr',
    start: isRightToLeft(language) ? 'right' : 'left',
    end: isRightToLeft(language) ? 'left' : 'right',
    color: COLORS[tone],
  };
  const brand = piece(shop.logo === undefined ? 'name' : 'logo', {
    ...direction,
    name: shop.name,
    logo: shop.logo ?? '',
  });
  const footer = [
    words.word('questions', { contact: shop.contact }),
    [shop.name, shop.address].filter((part) => part !== undefined).join(' · '),
    words.word('why'),
  ];
  return piece('frame', {
    ...direction,
    subject,
    short,
    brand: shop.url !== undefined && LINK.test(shop.url) ? piece('home', { url: shop.url, brand }) : brand,
    order: order === undefined ? '' : words.word('order', { order }),
    blocks: [
      ...blocks.map((block) => blockHtml(block, direction, words)),
      ...(page === undefined ? [] : [piece('page', { url: page, text: words.word('page') })]),
    ].join('\n'),
    footer: footer.map((text) => piece('footer-line', { text })).join('\n'),
  });
}

function blockHtml(block: Block, direction: Readonly<Record<string, string>>, words: LanguageWording): string {
  switch (block.type) {
    case 'items':
    case 'facts': {
      const rows = block.rows.map(([label, value, isSum]) =>
        piece(isSum ? 'sum-row' : `${block.type}-row`, { ...direction, label, value }),
      );
      return piece('table', { ...direction, rows: rows.join('\n') });
    }
    case 'action':
      return LINK.test(block.url) ? piece('action', { ...direction, text: block.text, url: block.url }) : '';
    case 'note':
      return piece('note', { ...direction, title: words.word('note'), text: block.text });
    case 'heading':
    case 'section':
    case 'text':
      return piece(block.type, { ...direction, text: block.text });
  }
}

/** The message as a letter in plain text. Its heading is what the subject says. */
export function textOf({ blocks, language }: Pick<HtmlMessage, 'blocks' | 'language'>, shop: Shop): string {
  const words = wordingIn(language);
  const parts = blocks.flatMap((block) => {
    switch (block.type) {
      case 'heading':
        return [];
      case 'items':
      case 'facts':
        return [block.rows.map(([label, value]) => (value === '' ? label : `${label}: ${value}`)).join('\n')];
      case 'action':
        return [`${block.text}: ${block.url}`];
      case 'section':
      case 'note':
      case 'text':
        return [block.text];
    }
  });
  const footer = [words.word('questions', { contact: shop.contact }), shop.name].join('\n');
  return [words.word('greeting'), ...parts, footer].join('\n\n');
}

const FACT = /^([^:\n]{1,140}): (.+)$/;

/** The blocks of a message of which only its text was kept: lines that all read "Label: value" are facts. */
export function blocksOfText(subject: string, body: string): Block[] {
  const blocks = body.split('\n\n').map((text): Block => {
    const rows = text.split('\n').map((line) => FACT.exec(line));
    if (rows.some((row) => row === null)) return { type: 'text', text };
    return { type: 'facts', rows: rows.map((row) => [row![1]!, row![2]!] as const) };
  });
  return [{ type: 'heading', text: subject }, ...blocks];
}
