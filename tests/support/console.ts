import { randomUUID } from 'node:crypto';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { ensureConsole } from '#tools/console.mjs';
import { signIn, startBrowser } from './browser.ts';
import type { TestSystem } from './system.ts';
import { until } from './until.ts';
import type { Order } from './views.ts';

/** The console of the system under test in a real Chromium, and orders to look at. */

const BUILD_TIMEOUT_MS = 300_000;

export interface Console {
  /** A browser of its own, in which nobody is signed in; `free`: its pages may be of others. */
  newContext(free?: 'free'): Promise<BrowserContext>;
  /** A page of the console, for somebody with these roles. */
  open(path: string, roles?: readonly string[]): Promise<Page>;
  /** A paid order of two mugs. */
  place(more?: object): Promise<Order>;
  /** An order that waits for stock, and will go on waiting. */
  placeWaiting(more?: object): Promise<Order>;
}

/** Fails the test in which a page has an error of scripts, is refused something by its policy, or calls elsewhere. */
export function useConsole(system: Pick<TestSystem, 'api' | 'key'>): Console {
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  const wrong: string[] = [];

  beforeAll(async () => {
    const problem = await ensureConsole();
    if (problem !== undefined) throw new Error(`The console is not built. ${problem}`);
    browser = await startBrowser();
    await system.api.ok('PUT', '/products/MUG-1', { body: { name: 'Enamel mug', price: '9.95', currency: 'EUR' } });
    await system.api.ok('PUT', '/products/RARE-1', { body: { name: 'Rare thing', price: '90.00', currency: 'EUR' } });
    await system.api.ok('POST', '/stock/adjustments', {
      body: { sku: 'MUG-1', location: 'main', delta: 10_000, reason: 'delivery' },
      key: randomUUID(),
    });
  }, BUILD_TIMEOUT_MS);
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    const found = wrong.splice(0);
    if (found.length > 0) throw new Error(`A page did what none may: ${found.join('; ')}`);
  });
  afterAll(() => browser?.close());

  const newContext = async (free?: 'free'): Promise<BrowserContext> => {
    const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1366, height: 860 } });
    context.setDefaultTimeout(30_000);
    contexts.push(context);
    if (free) return context;
    const { origin } = new URL(system.api.url);
    context.on('page', (page) => {
      page.on('pageerror', (error) => wrong.push(error.message));
      page.on('console', (message) => {
        if (/Content Security Policy|Refused to/.test(message.text())) wrong.push(message.text());
      });
      page.on('request', (request) => {
        const url = request.url().replace('//localhost:', '//127.0.0.1:');
        if (!/^(data|blob):/.test(url) && !url.startsWith(origin)) wrong.push(url);
      });
    });
    return context;
  };
  const place = (more: object = {}): Promise<Order> => {
    const body = {
      currency: 'EUR',
      channel: 'web',
      items: [{ sku: 'MUG-1', quantity: 2, unitPrice: '9.95' }],
      payment: { provider: 'sandbox', token: 'tok_approve' },
      ...more,
    };
    return system.api.ok<Order>('POST', '/orders', { body, key: randomUUID(), headers: { prefer: 'wait=10' } });
  };
  return {
    newContext,
    place,
    async open(path, roles = ['admin']) {
      const context = await newContext();
      await signIn(context, { url: system.api.url, key: system.key }, roles);
      const page = await context.newPage();
      await page.goto(`${system.api.url}/console${path}`);
      return page;
    },
    async placeWaiting(more = {}) {
      const order = await place({
        items: [{ sku: 'RARE-1', quantity: 1, unitPrice: '90.00' }],
        allowBackorder: true,
        ...more,
      });
      await until('the line for stock', async () => (await system.api.order(order.id)).status === 'BACKORDERED');
      return order;
    },
  };
}
