import type { InlineImage } from './channels/port.ts';
import type { Writing } from './rules.ts';
import type { StoredNotification } from './store.ts';
import { toneOf } from './templates.ts';
import { blocksOfText, htmlOf } from './wording/layout.ts';
import { type Language, LANGUAGES } from './wording/wording.ts';

/** The HTML of a notification: of what was kept of it, in the frame of the shop as it is now. */
export function htmlOfNotification(
  {
    eventType,
    language,
    subject,
    body,
    content,
  }: Pick<StoredNotification, 'eventType' | 'language' | 'subject' | 'body' | 'content'>,
  { shop, language: defaultLanguage }: Pick<Writing, 'shop' | 'language'>,
): string {
  const { order, short = '', blocks: kept = [] } = content ?? {};
  const blocks = kept.length > 0 ? kept : blocksOfText(subject, body);
  const known = language === null ? undefined : LANGUAGES.find((name: Language) => name === language);
  return htmlOf({ language: known ?? defaultLanguage, tone: toneOf(eventType), subject, short, order, blocks }, shop);
}

/** The same for a page, which carries the logo in itself. */
export function pageOfNotification(
  notification: Parameters<typeof htmlOfNotification>[0],
  writing: Pick<Writing, 'shop' | 'language'>,
  logo: InlineImage | undefined,
): string {
  const inPage = logo && `data:${logo.contentType};base64,${logo.content.toString('base64')}`;
  return htmlOfNotification(notification, { ...writing, shop: { ...writing.shop, logo: inPage } });
}
