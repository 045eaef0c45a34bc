import { describe, expect, test } from 'vitest';
import { indexPage, previews } from '#notifications/preview.ts';
import { readConfig } from '#notifications/settings.ts';
import { NOTIFIED_TYPES } from '#notifications/templates.ts';
import { parseTemplate } from './template.ts';
import { LANGUAGES } from '#contracts/languages.ts';
import { LanguageWording, TEMPLATE_NAMES } from './wording.ts';

/** Every message in every language, as the previews have them. */

const config = readConfig({
  MAIL_FROM: 'Lumen & Söhne <orders@lumen.example>',
  SHOP_ADDRESS: 'Hauptstraße 1, 10827 Berlin',
  SHOP_URL: 'https://lumen.example',
});
const pages = previews(config);

describe.each(LANGUAGES)('in %s', (language) => {
  const here = pages.filter((page) => page.language === language);

  test('there is a template for everything, and none beside', () => {
    expect(new LanguageWording(language).language).toBe(language);
    expect(here.map(({ name }) => name).toSorted()).toEqual(
      TEMPLATE_NAMES.map((name) => `${language}/${name}`).toSorted(),
    );
    expect(new Set(here.map(({ eventType }) => eventType))).toEqual(new Set(NOTIFIED_TYPES));
  });

  test.each(here.map((page) => [page.name, page] as const))('%s is whole', (_, { subject, short, text, html }) => {
    for (const part of [subject, short, text, html]) {
      expect(part).not.toMatch(/\{\{|\}\}|undefined|\[object|NaN/);
      expect(part).not.toMatch(/MUG-1|TOWEL-3/);
    }
    for (const part of [subject, short, text, html]) expect(part).toContain('K7M4-92QX-F');
    expect(short.length).toBeLessThanOrEqual(320);
    expect(subject.length).toBeLessThanOrEqual(100);
    expect(text).toContain('orders@lumen.example');
    expect(html).toContain('Lumen &amp; Söhne');
    expect(html).toContain(`<html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}">`);
    expect(html).toMatch(/<h1 [^>]*>[^<]{5,}<\/h1>/);
    // What happens next.
    expect(html).toMatch(/<h2 [^>]*>[^<]{5,}<\/h2>\s*<p [^>]*>[^<]{5,}<\/p>/);
    expect(html).not.toMatch(/<img|src="http|<script|<link/);
  });

  test('no template is a copy of another language’s', () => {
    for (const { name, subject } of here) {
      const template = name.split('/')[1];
      const others = pages.filter((page) => page.language !== language && page.name.endsWith(`/${template}`));
      expect(others.map((page) => page.subject)).not.toContain(subject);
    }
  });
});

test('a parcel has a link, and where it has none the mail has no button', () => {
  const shipped = pages.filter(({ name }) => name.endsWith('/order-shipped'));
  for (const { html, text } of shipped) {
    expect(html).toMatch(/<a class="button" href="https:\/\/www\.dhl\.de\/[^"]+piececode=JD014600006281230701"/);
    expect(text).toContain('https://www.dhl.de/');
  }
  for (const { html } of pages.filter(({ name }) => name.endsWith('/order-paid')))
    expect(html).not.toContain('class="button"');
});

test('the index leads to every page', () => {
  const index = indexPage(pages, config);
  for (const { name } of pages) expect(index).toContain(`href="${name}.html"`);
});

test.each([
  ['subject: x {{price}}\nshort: x', /price/],
  ['subject: x', /no short/],
  ['subject: x\nshort: x\n\nHello {{name}}', /name/],
  ['Subject without a colon', /form/],
])('a file that is no template is refused: %j', (file, why) => {
  expect(() => parseTemplate(file)).toThrow(why);
});
