import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { useConsole } from '#tests/support/console.ts';
import { publishedTable } from '#tests/support/published.ts';
import { until } from '#tests/support/until.ts';
import { ACTS, needsOf, READS } from './rights.ts';
import { useWorkshop } from './workshop.ts';

/**
 * What a role may not do is not shown: every role opens every screen, and what stands there is compared with what an
 * admin sees there. Everything to press is an act of the table, or among what changes nothing here.
 */

const workshop = useWorkshop();
const { open } = useConsole({
  get api() {
    return workshop.system.api;
  },
  get key() {
    return workshop.system.key;
  },
});
const { roles, rights } = publishedTable();
const ROLES = roles.filter((role) => role !== 'customer' && role !== 'admin');

/** Where to look, and what may be done there at all. */
const SCREENS: Record<string, string> = {};

beforeAll(async () => {
  const { make, system } = workshop;
  const held = await make.held();
  const returning = await make.returning();
  const parked = await make.parked();
  const flagged = await make.flagged();
  const transfer = await make.transfer();
  const overpaid = await make.overpaid();
  const { sku } = await make.short();
  await make.backordered();
  const [review] = (await system.api.ok<{ items: { id: string }[] }>('GET', `/reviews?orderId=${flagged.id}`)).items;
  const [message] = (await system.api.ok<{ items: { id: string }[] }>('GET', `/notifications?orderId=${held.id}`))
    .items;
  await system.api.ok('POST', '/api-keys', { body: { name: `shop-${randomUUID().slice(0, 6)}`, role: 'client' } });
  Object.assign(SCREENS, {
    overview: '/',
    orders: '/orders',
    'order on hold': `/orders/${held.id}`,
    'order with a return': `/orders/${returning.id}`,
    'order parked': `/orders/${parked.id}`,
    reviews: `/reviews?open=${review!.id}`,
    payments: '/payments',
    'payment to record': `/payments?open=${transfer.id}`,
    'payment too large': `/payments?open=${overpaid.id}`,
    messages: `/messages?open=${message!.id}`,
    parked: `/parked?open=shipping.${parked.id}`,
    inventory: '/inventory',
    product: `/inventory/${sku}`,
    warehouse: '/warehouse',
    dispatch: '/warehouse/dispatch',
    returns: '/warehouse/returns',
    settings: '/settings',
    people: '/settings/people',
    keys: '/settings/keys',
    rights: '/settings/roles',
  });
}, 120_000);

/** What changes nothing of orders, goods, money or the access of others: it shows, filters, leads elsewhere. */
const NEUTRAL: readonly RegExp[] = [
  /^(Refresh|Views|Data|Filters|Clear filters|More|Back to the list|Unknown notices|Toggle password visibility)$/,
  /^(Next|Previous) (one|order)$/,
  /^(Change password|Sign out everywhere|Add a passkey|End)$/,
  /^(Copy (trace )?id|The order as data|One step (back|on)|Show the order as of then|PDF)$/,
  /^(Columns|As it was|Changed|Channel|Customer|Lines|Payment|Placed|Reference|Return|Shipment|Status|Total)$/,
  /^(Look: |More for the parcel |main\d)/,
];

/** Acts of a dialog or a selection, tried with the API alone. */
const ELSEWHERE: readonly string[] = ['runBulk', 'refreshPayment', 'recordPaymentOperation'];

const matches = (pattern: string | RegExp, name: string): boolean =>
  typeof pattern === 'string' ? pattern === name : pattern.test(name);

/** The words of everything that can be pressed in the content of a page, when it stands still; links as `→ words`. */
async function pressable(page: Page): Promise<string[]> {
  const look = async (): Promise<string[]> =>
    page.locator('#content').evaluate((content) => {
      if (content.querySelector('[aria-busy=true]')) return ['busy'];
      const found = content.querySelectorAll('button, a[href], [role=button], input[type=submit]');
      return [
        ...new Set(
          [...found]
            .filter((element) => element.getClientRects().length > 0)
            .map((element) => {
              const words = element.getAttribute('aria-label') ?? element.textContent ?? '';
              return `${element.tagName.toLowerCase() === 'a' ? '→ ' : ''}${words.trim().replaceAll(/\s+/g, ' ')}`;
            }),
        ),
      ].toSorted();
    });
  let before = '';
  let now: string[] = [];
  await until(
    'the page to stand still',
    async () => {
      now = await look();
      const same = now.join('|') === before && !now.includes('busy');
      before = now.join('|');
      return same;
    },
    { everyMs: 400 },
  );
  // What a menu offers is there when it is open.
  const menus = page.locator('#content button[aria-haspopup=menu]:visible');
  for (let index = 0; index < (await menus.count()); index++) {
    await menus.nth(index).click();
    await page.getByRole('menu').waitFor();
    now.push(
      ...(await page.getByRole('menuitem').evaluateAll((items) =>
        // Beside the words may stand why it does nothing.
        items.map((item) => item.querySelector('.mantine-Menu-itemLabel')?.firstChild?.textContent ?? ''),
      )),
    );
    // The same button closes it.
    await menus.nth(index).click();
    await page.getByRole('menu').waitFor({ state: 'hidden' });
  }
  return [...new Set(now)].toSorted();
}

async function screensOf(role: string): Promise<Map<string, string[]>> {
  const page = await open('/', [role]);
  const seen = new Map<string, string[]>();
  for (const [name, path] of Object.entries(SCREENS)) {
    await page.goto(`${workshop.system.api.url}/console${path}`);
    await page.locator('#content').waitFor();
    seen.set(name, await pressable(page));
  }
  return seen;
}

/** What something to press needs; undefined where it changes nothing. */
function neededFor(name: string): readonly string[] | undefined {
  const plain = name.replace(/^→ /, '');
  const act = ACTS.find(({ buttons }) => buttons.some((pattern) => matches(pattern, plain)));
  return act ? needsOf(act) : READS.find(({ buttons }) => buttons.some((pattern) => matches(pattern, plain)))?.needs;
}
let ofAdmin: Map<string, string[]>;

test('everything to press is an act of the table, or changes nothing', async () => {
  ofAdmin = await screensOf('admin');
  const unknown = [...ofAdmin].flatMap(([screen, names]) =>
    names
      // A link leads elsewhere.
      .filter((name) => !name.startsWith('→ ') && !neededFor(name) && !NEUTRAL.some((pattern) => pattern.test(name)))
      .map((name) => `${screen}: ${name}`),
  );
  expect(unknown).toEqual([]);
  // The screens are those on which something can be done: no act of the table is looked for in vain.
  const seen = new Set([...ofAdmin.values()].flat().map((name) => name.replace(/^→ /, '')));
  const inVain = ACTS.filter(
    ({ buttons }) => buttons.length > 0 && !buttons.some((pattern) => [...seen].some((name) => matches(pattern, name))),
  );
  expect(inVain.map(({ operation }) => operation)).toEqual(ELSEWHERE);
}, 180_000);

test.each(ROLES)(
  'the role %s sees the acts that it may do, and no other',
  async (role) => {
    const may = (name: string): boolean => neededFor(name)!.every((permission) => rights.get(permission)!.has(role));
    const differs: string[] = [];
    for (const [screen, names] of await screensOf(role)) {
      const acts = names.filter((name) => neededFor(name));
      const expected = ofAdmin.get(screen)!.filter((name) => neededFor(name) && may(name));
      differs.push(...acts.filter((name) => !expected.includes(name)).map((name) => `${screen}: ${name} is shown`));
      differs.push(...expected.filter((name) => !acts.includes(name)).map((name) => `${screen}: ${name} is not shown`));
    }
    expect(differs).toEqual([]);
  },
  180_000,
);
