import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '#cli/client.ts';
import { seriousFindings, signIn, startBrowser } from '#tests/support/browser.ts';

/**
 * `npm run console:shots`: every screen of the console of a system that runs here (`npm run demo`), in light, dark and at
 * 360 px, as pictures in test-results/console. Fails where axe finds something serious.
 */

const FOLDER = 'test-results/console';
const WIDE = { viewport: { width: 1366, height: 860 } };
const LOOKS = {
  light: { ...WIDE, colorScheme: 'light' },
  dark: { ...WIDE, colorScheme: 'dark' },
  small: { viewport: { width: 360, height: 740 }, colorScheme: 'light', isMobile: true, hasTouch: true },
} as const;
/** Name → address, and a text that is there when the screen is. */
const SCREENS = {
  overview: ['/', 'Where the orders are'],
  orders: ['/orders', 'Refresh'],
  reviews: ['/reviews', 'Refresh'],
  payments: ['/payments', 'Refresh'],
  settings: ['/settings/account', 'Where you are signed in'],
  people: ['/settings/people', 'Last sign-in'],
  keys: ['/settings/keys', 'API keys'],
  roles: ['/settings/roles', 'What each role may'],
  parked: ['/parked', 'Refresh'],
  messages: ['/messages', 'Refresh'],
  audit: ['/audit', 'Refresh'],
  none: ['/orders?text=nothing-is-called-so', 'No order matches'],
  inventory: ['/inventory', 'Refresh'],
  product: ['/inventory/MUG-ENAMEL', 'Held by'],
  warehouse: ['/warehouse', 'Refresh'],
  dispatch: ['/warehouse/dispatch', 'Sent from here'],
  returns: ['/warehouse/returns', 'Refresh'],
} as const;

const client = await connect({}, process.env);
const key = process.env['OLMS_API_KEY'];
if (!key) throw new Error('Set OLMS_URL and OLMS_API_KEY to a system that runs: eval "$(bin/olms env)"');
const { url } = client;
/** Orders to look at: the newest that is so. */
const ORDERS = {
  order: {},
  'order-completed': { status: ['COMPLETED'] },
  'order-returned': { returnStatus: ['RECEIVED', 'REQUESTED'] },
  'order-pending': { status: ['PAYMENT_PENDING'] },
  'order-backordered': { status: ['BACKORDERED'] },
  'order-cancelled': { status: ['CANCELLED'] },
} as const;
const orders = await Promise.all(
  Object.entries(ORDERS).map(
    async ([name, filter]) => [name, (await client.listOrders({ ...filter, limit: 1 })).items[0]] as const,
  ),
);
const browser = await startBrowser();
mkdirSync(FOLDER, { recursive: true });
const invited: string[] = [];
try {
  for (const [look, options] of Object.entries(LOOKS)) {
    const context = await browser.newContext({ ...options, locale: 'en-US' });
    invited.push(await signIn(context, { url, key }, ['admin']));
    const page = await context.newPage();
    const screens: [string, readonly [string, string]][] = Object.entries(SCREENS);
    for (const [name, found] of orders) if (found) screens.push([name, [`/orders/${found.id}`, 'Timeline']]);
    for (const [name, [path, text]] of screens) {
      await page.goto(`${url}/console${path}`);
      await page.getByText(text).filter({ visible: true }).first().waitFor();
      await page.waitForFunction(
        () =>
          !(globalThis as never as { document: { querySelector(of: string): unknown } }).document.querySelector(
            '[aria-busy=true]',
          ),
      );
      await page.screenshot({ path: join(FOLDER, `${name}-${look}.png`) });
      for (const finding of await seriousFindings(page)) {
        process.exitCode = 1;
        console.error(`${name} (${look}): ${finding}`);
      }
      console.log(join(FOLDER, `${name}-${look}.png`));
    }
    await context.close();
  }
} finally {
  await browser.close();
  // Nobody stays who was only here for the pictures.
  for (const name of invited) {
    const headers = { authorization: `Bearer ${key}` };
    const answer = await fetch(`${url}/console/people/${name}`, { method: 'DELETE', headers });
    if (!answer.ok) console.error(`${name} could not be kept out: ${answer.status} ${await answer.text()}`);
  }
  await client.close();
}
