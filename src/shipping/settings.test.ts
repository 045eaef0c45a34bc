import { describe, expect, test } from 'vitest';
import { LINKED_CARRIERS, templateProblem, trackingLinks } from './carriers/links.ts';
import { shippingConfig } from './settings.ts';

const SECRET = Buffer.from('sixteen bytes and more').toString('base64');

describe('tracking links', () => {
  const links = trackingLinks(new Map([['Bike Couriers', 'https://bikes.example/t/{number}?lang=en']]));

  test('are https pages with the number in them, for every carrier of the table', () => {
    for (const carrier of LINKED_CARRIERS) {
      const link = links(carrier, 'AB 12/3')!;
      expect(link).toContain('AB12%2F3');
      expect(templateProblem(link.replace('AB12%2F3', '{number}'))).toBeUndefined();
      expect(new URL(link).protocol).toBe('https:');
    }
  });

  test('are found however the carrier is written, and by a setting', () => {
    expect(links('royal-mail', 'X1')).toBe(links('Royal Mail', 'X1'));
    expect(links('BIKE COURIERS', 'X1')).toBe('https://bikes.example/t/X1?lang=en');
    expect(links('nobody', 'X1')).toBeUndefined();
    expect(links('dhl', ' ')).toBeUndefined();
    expect(trackingLinks(new Map([['DHL', 'https://dhl.example/{number}']]))('dhl', '1')).toBe('https://dhl.example/1');
  });
});

describe('settings', () => {
  test('name carriers with their secrets, and links', () => {
    const { feeds, links } = shippingConfig({
      CARRIER_WEBHOOK_SECRETS: ` dhl=whsec_${SECRET} ; ups = ${SECRET}, ${SECRET} ;`,
      CARRIER_TRACKING_LINKS: 'A=https://a.example/?q={number}&b=c',
    });
    expect([...feeds]).toEqual([
      ['dhl', [`whsec_${SECRET}`]],
      ['ups', [SECRET, SECRET]],
    ]);
    expect([...links]).toEqual([['A', 'https://a.example/?q={number}&b=c']]);
  });

  test.each([
    { CARRIER_WEBHOOK_SECRETS: SECRET.replaceAll('=', '') },
    { CARRIER_WEBHOOK_SECRETS: 'dhl=short' },
    { CARRIER_WEBHOOK_SECRETS: 'dhl=' },
    { CARRIER_WEBHOOK_SECRETS: `Sandbox=${SECRET}` },
    { CARRIER_TRACKING_LINKS: 'dhl=https://dhl.example/' },
    { CARRIER_TRACKING_LINKS: 'dhl=javascript:alert({number})' },
  ])('that make no sense stop the start: %o', (env) => {
    expect(() => shippingConfig(env as never)).toThrow(/^Configuration: CARRIER_/);
  });
});
