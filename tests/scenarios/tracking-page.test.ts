import { describe, expect, test } from 'vitest';
import type { Order, TrackingLink } from '#client/types.ts';
import { LANGUAGES } from '#contracts/languages.ts';
import { SITUATIONS } from '#gateway/tracking/words.ts';
import { STATUSES } from '#orders/rules/lifecycle.ts';
import { useSystem } from '#tests/support/system.ts';

/** What a customer sees of an order by a link, without signing in, and what can be done there. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });
const ADDRESS = { name: 'Ada Lovelace', line1: 'Main street 1', postalCode: '10115', city: 'Berlin', country: 'DE' };

async function linked(order: Order): Promise<{ path: string; link: TrackingLink }> {
  const link = await system.api.ok<TrackingLink>('GET', `/orders/${order.id}/tracking-link`);
  return { path: new URL(link.url).pathname, link };
}

async function open(path: string, headers: Record<string, string> = {}): Promise<{ response: Response; text: string }> {
  const response = await fetch(`${system.api.url}${path}`, { headers });
  return { response, text: await response.text() };
}

/** Sends a form of the page as a browser does, and follows where it leads. */
async function send(
  path: string,
  what: string,
  fields: Record<string, string>,
): Promise<{ response: Response; text: string }> {
  const body = new URLSearchParams({
    key: /name="key" value="([^"]+)"/.exec((await open(path)).text)?.[1] ?? '',
    ...fields,
  });
  const response = await fetch(`${system.api.url}${path}/${what}`, { method: 'POST', body });
  return { response, text: await response.text() };
}

describe('a tracking page', () => {
  test('shows the order, its steps and parcels, loads nothing, and is kept by nobody', async () => {
    const { api } = system;
    const sku = await api.product(5, 'LAMP');
    const order = await api.placeOrder({
      items: [{ sku, name: 'Lamp <b>"walnut"</b>', quantity: 2, unitPrice: '89' }],
      shippingAddress: ADDRESS,
    });
    await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
    const { path, link } = await linked(order);
    expect(Date.parse(link.expiresAt)).toBeGreaterThan(Date.now() + 89 * 86_400_000);
    const packed = await open(path);
    expect(packed.response.status).toBe(200);
    expect(packed.text).toContain('We are packing your order');
    expect(packed.text).toContain((await api.order(order.id)).number);
    expect(packed.text).toContain('Lamp &lt;b&gt;&quot;walnut&quot;&lt;/b&gt;');
    expect(packed.text).toContain('€178.00');
    expect(packed.text).toMatch(/class="now" aria-current="step">Being packed/);
    // Whoever got the mail passed on reads neither the street nor the mail address.
    expect(packed.text).not.toContain('Main street');
    expect(packed.text).not.toMatch(/@(?!media)/);
    expect(packed.text.length).toBeLessThan(50_000);
    expect(packed.text).not.toMatch(/<script|src=|url\(/);
    const policy = packed.response.headers.get('content-security-policy');
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(packed.response.headers.get('cache-control')).toBe('no-store');
    expect(packed.response.headers.get('referrer-policy')).toBe('no-referrer');

    const parcel = await api.firstShipment(order.id);
    await api.dispatch(parcel.id, { carrier: 'dhl', trackingNumber: 'JJD000390007882' });
    await api.untilStatus(order.id, 'SHIPPED');
    const shipped = (await open(path)).text;
    expect(shipped).toContain('Your order has left');
    expect(shipped).toMatch(/href="https:\/\/[^"]*JJD000390007882[^"]*" rel="noreferrer/);
    expect(shipped).not.toContain('<form');
  });

  test('speaks the language of the browser, or the one that is chosen, right to left too', async () => {
    const { api } = system;
    const { path } = await linked(
      await api.placeOrder({ items: [{ sku: await api.product(5), quantity: 1, unitPrice: '9.95' }] }),
    );
    for (const language of LANGUAGES) {
      const { text } = await open(path, { 'accept-language': `fr;q=0.9, ${language}-XX;q=0.8, en;q=0.1` });
      expect(text).toContain(`<html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}"`);
    }
    expect((await open(`${path}?lang=de`, { 'accept-language': 'es' })).text).toContain('lang="de"');
    expect([...SITUATIONS].toSorted()).toEqual([...Object.keys(STATUSES), 'HELD'].toSorted());
  });

  test('changes the address while that is possible, and says what is wrong with one', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const order = await api.placeOrder({
      items: [{ sku, quantity: 1, unitPrice: '9.95' }],
      shippingAddress: { ...ADDRESS, company: 'Engines Ltd' },
    });
    await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
    const { path } = await linked(order);
    const typed = {
      name: 'Ada King',
      line1: '5 Rue "X"',
      line2: '',
      postalCode: '75001',
      city: 'Paris',
      country: 'fr',
    };
    const wrong = await send(path, 'address', { ...typed, city: ' ' });
    expect(wrong.response.status).toBe(422);
    expect(wrong.text).toContain('value="5 Rue &quot;X&quot;"');
    expect(wrong.text).toMatch(/name="city"[^>]* aria-invalid="true"/);
    for (const [name, value] of [
      ['country', 'France'],
      ['line1', 'x'.repeat(400)],
    ] as const)
      expect((await send(path, 'address', { ...typed, [name]: value })).text).toMatch(
        new RegExp(`name="${name}"[^>]* aria-invalid="true"`),
      );
    const changed = await send(path, 'address', typed);
    expect(new URL(changed.response.url).search).toBe('?done=address');
    expect(changed.text).toContain('The address is changed.');
    const { line2: _, ...address } = typed;
    expect((await api.order(order.id)).shippingAddress).toEqual({ ...address, country: 'FR' });
    const amended = await api.untilEvent(order.id, 'OrderAmended');
    expect(amended.find(({ type }) => type === 'OrderAmended')!.data).toMatchObject({ by: 'tracking-link' });
  });

  test('cancels once while that is possible, and says where it no longer is', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const order = await api.placeOrder({ items: [{ sku, quantity: 1, unitPrice: '9.95' }] });
    await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
    const { path } = await linked(order);
    const key = { key: '0192f0c1-2a3b-4c4d-8e5f-0123456789ab' };
    const [first, second] = await Promise.all([send(path, 'cancel', key), send(path, 'cancel', key)]);
    for (const { response, text } of [first, second]) {
      expect(new URL(response.url).search).toBe('?done=cancel');
      expect(text).toContain('is being cancelled');
    }
    await api.untilStatus(order.id, 'CANCELLED');
    const late = await send(path, 'cancel', {});
    expect(late.text).toContain('can no longer be cancelled here');
    expect(late.text).not.toContain('<form');
  });

  test('is not there for a link that is cut, forged or of no order', async () => {
    const { api } = system;
    const { path } = await linked(
      await api.placeOrder({ items: [{ sku: await api.product(5), quantity: 1, unitPrice: '9.95' }] }),
    );
    for (const wrong of [path.slice(0, -1), `${path.slice(0, -1)}${path.endsWith('A') ? 'B' : 'A'}`, '/track/x']) {
      const { response, text } = await open(wrong);
      expect(response.status).toBe(404);
      expect(text).toContain('There is nothing here');
      expect((await fetch(`${api.url}${wrong}/cancel`, { method: 'POST', body: new URLSearchParams() })).status).toBe(
        404,
      );
    }
    expect((await api.call('GET', '/orders/0192f0c1-2a3b-7c4d-8e5f-0123456789ab/tracking-link')).status).toBe(404);
  });
});
