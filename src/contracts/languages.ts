/** The languages that customers are written to in: mails, documents and tracking pages. */

export const LANGUAGES = ['en', 'de', 'es', 'ar'] as const;
export type Language = (typeof LANGUAGES)[number];

const RIGHT_TO_LEFT: ReadonlySet<string> = new Set<Language>(['ar']);

export function isRightToLeft(language: string): boolean {
  return RIGHT_TO_LEFT.has(language);
}

/** The language of a locale (BCP 47, such as `de-AT`); undefined where it is none of ours. */
export function languageOfLocale(locale: string): Language | undefined {
  const prefix = locale.split('-')[0]!.toLowerCase();
  return LANGUAGES.find((language) => language === prefix);
}
