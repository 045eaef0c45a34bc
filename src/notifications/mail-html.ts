import type { InlineImage } from './channels/port.ts';
import type { Writing } from './rules.ts';
import type { StoredNotification } from './store.ts';
import { toneOf } from './templates.ts';
import { blocksOfText, htmlOf } from './wording/layout.ts';
import { type Language, LANGUAGES } from '#contracts/languages.ts';

/**
 * The HTML of a notification: of what was kept of it, in the frame of the shop as it is now, with a link to the page of
 * the order where it is given one.
 */
export function htmlOfNotification(
  {
    eventType,
    language,
    subject,
    body,
    content,
  }: Pick<StoredNotification, 'eventType' | 'language' | 'subject' | 'body' | 'content'>,
  { shop, language: defaultLanguage }: Pick<Writing, 'shop' | 'language'>,
  page?: string,
): string {
  const { order, short = '', blocks: kept = [] } = content ?? {};
  const blocks = kept.length > 0 ? kept : blocksOfText(subject, body);
  const written = languageOf(language, defaultLanguage);
  return htmlOf({ language: written, tone: toneOf(eventType), subject, short, order, blocks, page }, shop);
}

/** The language that a notification was written in; the default for one from before it was kept. */
export function languageOf(language: string | null, byDefault: Language): Language {
  return LANGUAGES.find((name) => name === language) ?? byDefault;
}

/** The same for a page, which carries the logo in itself. */
export function pageOfNotification(
  notification: Parameters<typeof htmlOfNotification>[0],
  writing: Pick<Writing, 'shop' | 'language'>,
  logo: InlineImage | undefined,
  page?: string,
): string {
  const inPage = logo && `data:${logo.contentType};base64,${logo.content.toString('base64')}`;
  return htmlOfNotification(notification, { ...writing, shop: { ...writing.shop, logo: inPage } }, page);
}
