import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { useConsole } from '#tests/support/console.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';
import { useWorkshop } from './workshop.ts';

/**
 * Someone new finds a stuck order, sees why, and resolves it in four clicks or fewer, beginning at the overview: once for
 * each kind of stuck. Every click counts, those that open menus too; typing does not, and finding the order by its words
 * on the screen neither.
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
const CLICKS_MAX = 4;

/** Somebody who knows the console by what it shows, and counts their clicks. */
class Newcomer {
  readonly page: Page;
  clicks = 0;

  constructor(page: Page) {
    this.page = page;
  }

  async press(role: 'link' | 'button' | 'menuitem', name: string | RegExp, within?: string): Promise<void> {
    this.clicks++;
    const place = within === undefined ? this.page : this.page.locator(within);
    await place
      .getByRole(role, { name, exact: typeof name === 'string' })
      .first()
      .click();
  }

  /** A page of the menu. */
  goTo(name: string): Promise<void> {
    return this.press('link', name, 'nav');
  }

  /** By the search that stands on every page. */
  async finds(number: string): Promise<void> {
    await this.press('button', /^Search/);
    await this.page.getByRole('combobox').fill(number);
    await this.page.getByRole('option', { name: number }).waitFor();
    await this.page.keyboard.press('Enter');
  }

  /** The row of a list that has this text, opened by a click. */
  async row(text: string): Promise<void> {
    this.clicks++;
    await this.page.getByRole('row').filter({ hasText: text }).first().click();
  }

  async reads(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  /** Fills in what a dialog asks for. */
  async types(label: string | RegExp, text: string): Promise<void> {
    await this.page.getByRole('dialog').getByLabel(label).first().fill(text);
  }

  confirm(name: string | RegExp = 'Yes, do it'): Promise<void> {
    return this.press('button', name, '[role=dialog]');
  }
}

async function newcomer(role: string): Promise<Newcomer> {
  const page = await open('/', [role]);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  return new Newcomer(page);
}

const now = ({ id }: Order): Promise<Order> => workshop.system.api.order(id);
const status = async (order: Order): Promise<string> => (await now(order)).status;

interface Kind {
  readonly role: string;
  /** Makes the trouble; resolves with what the person needs, and when it is over. */
  readonly make: () => Promise<{ order: Order; sku?: string; solved: (order: Order) => Promise<boolean> }>;
  readonly solve: (person: Newcomer, order: Order, sku: string) => Promise<void>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  'a manual hold': {
    role: 'support',
    make: async () => ({
      order: await workshop.make.held(),
      solved: async (order) => (await now(order)).holds.length === 0,
    }),
    async solve(person, order) {
      await person.reads(/the address looks wrong/);
      await person.press('link', new RegExp(order.number));
      await person.reads(/the address looks wrong/);
      await person.press('button', /^Release/);
      await person.confirm();
    },
  },
  'a review': {
    role: 'reviewer',
    make: async () => ({
      order: await workshop.make.flagged(),
      solved: async (order) => (await now(order)).holds.every(({ type }) => type !== 'review'),
    }),
    async solve(person, order) {
      await person.goTo('Reviews');
      await person.row(order.number);
      await person.reads('Asked for with the order');
      await person.press('button', /^Approve/);
      await person.types(/Reason/, 'a known customer');
      await person.confirm('Approve');
    },
  },
  'a backorder': {
    role: 'warehouse',
    make: async () => ({
      ...(await workshop.make.backordered()),
      solved: async (order) => (await status(order)) !== 'BACKORDERED',
    }),
    async solve(person, _, sku) {
      await person.goTo('Inventory');
      await person.page.getByLabel('Search', { exact: true }).fill(sku);
      await person.press('link', sku);
      await person.reads('Waiting for it');
      await person.press('button', 'Receive or take');
      await person.types(/^Pieces/, '5');
      await person.confirm();
    },
  },
  'fewer pieces on the shelf than were promised': {
    role: 'warehouse',
    make: async () => ({
      ...(await workshop.make.short()),
      solved: async (order) => (await now(order)).holds.every(({ type }) => type !== 'shortage'),
    }),
    async solve(person, _, sku) {
      await person.goTo('Inventory');
      await person.page.getByLabel('Search', { exact: true }).fill(sku);
      await person.press('link', sku);
      await person.reads(/reserved pieces? (is|are) not there/);
      await person.press('button', 'Receive or take');
      await person.types(/^Pieces/, '2');
      await person.confirm();
    },
  },
  'a payment in doubt': {
    role: 'finance',
    make: async () => ({
      order: await workshop.make.inDoubt(),
      solved: async (order) => (await workshop.make.payment(order))?.status === 'CAPTURED',
    }),
    async solve(person, order) {
      await person.goTo('Payments');
      await person.row(order.number);
      await person.reads('In doubt: the answer of the provider was lost.');
      await workshop.system.provider.outage(false);
      await person.press('button', 'Ask sandbox now');
    },
  },
  'a transfer that nobody has recorded': {
    role: 'finance',
    make: async () => ({
      order: await workshop.make.transfer(),
      solved: async (order) => (await status(order)) === 'READY_FOR_SHIPMENT',
    }),
    async solve(person, order) {
      await person.goTo('Payments');
      await person.row(order.number);
      await person.reads('It waits for somebody to record it');
      await person.press('button', 'Record money received');
      await person.confirm();
    },
  },
  'too much received': {
    role: 'finance',
    make: async () => ({
      order: await workshop.make.overpaid(),
      solved: async (order) => (await workshop.make.payment(order))?.receipts?.length === 2,
    }),
    async solve(person, order) {
      await person.goTo('Payments');
      await person.row(order.number);
      await person.reads('More was received than is asked for.');
      await person.press('button', 'Record money given back');
      await person.confirm();
    },
  },
  'a payment that was refused': {
    role: 'support',
    make: async () => ({
      order: await workshop.make.refused(),
      solved: async (order) => (await status(order)) === 'READY_FOR_SHIPMENT',
    }),
    async solve(person, order) {
      await person.goTo('Orders');
      await person.press('link', order.number);
      await person.reads(/card_declined|declined/);
      await person.press('button', 'Pay again');
      await person.types(/^Token/, 'tok_approve');
      await person.confirm();
    },
  },
  'a customer who did not finish at the bank': {
    role: 'support',
    make: async () => ({
      order: await workshop.make.atTheBank(),
      solved: async (order) => (await status(order)) === 'CANCELLED',
    }),
    async solve(person, order) {
      await person.goTo('Orders');
      await person.press('link', order.number);
      await person.reads(/bank|confirm/i);
      await person.press('button', 'Cancel order');
      await person.types(/^Reason/, 'the customer does not answer');
      await person.confirm();
    },
  },
  'a parcel that nobody has sent': {
    role: 'warehouse',
    make: async () => ({
      order: await workshop.make.toSend(),
      solved: async (order) => (await status(order)) === 'SHIPPED',
    }),
    async solve(person, order) {
      await person.goTo('Warehouse');
      await person.press('link', 'Scan');
      for (const scanned of [order.number, '1Z999AA10123456784']) {
        await person.page.locator('.scan').waitFor();
        await person.page.keyboard.type(scanned);
        await person.page.keyboard.press('Enter');
        await person.reads(scanned === order.number ? '2 ×' : /is on its way/);
      }
    },
  },
  'a parcel that was lost': {
    role: 'support',
    make: async () => ({
      order: await workshop.make.sent(),
      solved: async (order) => (await now(order)).refunds.length > 0,
    }),
    async solve(person, order) {
      await person.finds(order.number);
      await person.reads('the carrier has not reported the last parcel as delivered');
      await person.press('button', /^More for the parcel/);
      await person.press('menuitem', 'Open a claim');
      await person.types(/^Reason/, 'lost on the way');
      await person.confirm();
    },
  },
  'a return that has not come': {
    role: 'warehouse',
    make: async () => ({
      order: await workshop.make.returning(),
      solved: async (order) => ((await now(order)).returns[0]!.receipts ?? []).length > 0,
    }),
    async solve(person, order) {
      await person.goTo('Warehouse');
      await person.press('link', 'Returns', '#content');
      await person.row(order.number);
      await person.reads('too bright');
      await person.types(/^Arrived of 2/, '2');
      await person.confirm();
    },
  },
  'an event that a service could not take in': {
    role: 'operator',
    make: async () => ({
      order: await workshop.make.parked(),
      solved: async (order) => (await now(order)).parked === undefined,
    }),
    async solve(person, order) {
      await person.goTo('Parked');
      await person.row(order.number);
      await person.reads('the rules do not know it');
      await person.press('button', 'Retry');
      await person.confirm('Retry');
    },
  },
  'an event that is to be left out': {
    role: 'operator',
    make: async () => ({
      order: await workshop.make.parked(),
      solved: async (order) => (await now(order)).parked === undefined,
    }),
    async solve(person, order) {
      await person.goTo('Parked');
      await person.row(order.number);
      await person.reads('the rules do not know it');
      await person.press('button', 'Skip the event');
      await person.types(/^Reason/, 'the order is right without it');
      await person.confirm('Skip the event');
    },
  },
  'a customer who moved before the parcel left': {
    role: 'support',
    make: async () => {
      const order = await workshop.make.held('the parcel of before came back from this address');
      return { order, solved: async () => (await now(order)).shippingAddress?.city === 'Paris' };
    },
    async solve(person, order) {
      await person.press('link', new RegExp(order.number));
      await person.reads('the parcel of before came back from this address');
      await person.press('button', 'Edit');
      await person.types('City', 'Paris');
      await person.confirm();
    },
  },
};

test('there are fifteen kinds', () => expect(Object.keys(KINDS).length).toBeGreaterThanOrEqual(15));

test.each(Object.keys(KINDS))('%s is found, understood and resolved in four clicks', async (name) => {
  const { role, make, solve } = KINDS[name]!;
  const { order, sku = '', solved } = await make();
  const person = await newcomer(role);
  await solve(person, order, sku);
  await until(`${name} to be over`, () => solved(order));
  console.log(`${name}: ${person.clicks} clicks`);
  expect(person.clicks).toBeLessThanOrEqual(CLICKS_MAX);
});
