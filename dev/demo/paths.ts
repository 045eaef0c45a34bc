import type { OlmsClient, PlaceOrder } from '#client/client.ts';
import { ARTICLES, BERLIN, CITIES, type Line, SHORT } from './catalogue.ts';

/** What happens to an order after it was placed. */

/** An order under way, and what a path may do with it. */
export interface Story {
  readonly id: string;
  readonly lines: readonly Line[];
  /** Waits seconds of demo time. */
  pause(seconds: number): Promise<void>;
  /** Asks something of the system and reports it as done, or why it was refused: a refusal is part of the show. */
  command(done: string, ask: (client: OlmsClient) => Promise<unknown>): Promise<void>;
  readonly client: OlmsClient;
  /** Waits until the order has one of these statuses. */
  reaches(...statuses: string[]): Promise<void>;
  report(text: string): void;
}

interface Path {
  /** How many of a round of orders take it. */
  readonly share: number;
  readonly wish?: Partial<PlaceOrder>;
  readonly token?: string;
  readonly lines?: (random: () => number) => readonly Line[];
  readonly follow?: (story: Story) => Promise<void>;
}

const shortLine = (): Line[] => [{ article: SHORT, quantity: 2 }];
/** How long something is left for somebody at a console. */
const PATIENCE_SECONDS = 300;
const REVIEW_WISH = { requiresReview: true };

function hold(story: Story, reason: string): Promise<void> {
  return story.command('held', (client) => client.holdOrder({ id: story.id }, { reason }));
}

function cancel(story: Story, reason: string, done: string): Promise<void> {
  return story.command(done, (client) => client.cancelOrder({ id: story.id }, { reason }));
}

async function decideReview(story: Story, decision: 'approve' | 'reject', reason: string): Promise<void> {
  await story.pause(6);
  const { items } = await story.client.listReviews({ status: 'pending', limit: 200 });
  const review = items.find((candidate) => candidate.orderId === story.id);
  // An operator was faster: that is what the console is for.
  if (!review) return story.report('the review was decided by somebody else');
  await story.client[decision === 'approve' ? 'approveReview' : 'rejectReview']({ id: review.id }, { reason });
  story.report(`review ${decision === 'approve' ? 'approved' : 'rejected'}: ${reason}`);
}

/** Every kind of path an order can take. The names are printed. */
export const PATHS: Readonly<Record<string, Path>> = {
  plain: { share: 8 },
  'card declined': { share: 2, token: 'tok_decline' },
  'provider too slow': { share: 1, token: 'tok_timeout' },
  'reply lost': { share: 1, token: 'tok_lost_reply' },
  'provider flaky': { share: 1, token: 'tok_flaky' },
  'known by webhook': { share: 2, token: 'tok_pending' },
  'review approved': {
    share: 1,
    wish: REVIEW_WISH,
    follow: (story) => decideReview(story, 'approve', 'known customer'),
  },
  'review rejected': {
    share: 1,
    wish: REVIEW_WISH,
    follow: (story) => decideReview(story, 'reject', 'address does not exist'),
  },
  'review for you': {
    share: 1,
    wish: REVIEW_WISH,
    async follow(story) {
      await story.pause(PATIENCE_SECONDS);
      await decideReview(story, 'approve', 'nothing was found');
    },
  },
  'hold and release': {
    share: 1,
    async follow(story) {
      await hold(story, 'customer asked to wait');
      await story.pause(8);
      await story.command('released', (client) =>
        client.releaseOrder({ id: story.id }, { reason: 'customer called back' }),
      );
    },
  },
  'hold for you': {
    share: 1,
    async follow(story) {
      await hold(story, 'address to be checked');
      await story.pause(PATIENCE_SECONDS);
      await story.command('released, as nobody did', (client) =>
        client.releaseOrder({ id: story.id }, { reason: 'address was checked' }),
      );
    },
  },
  'cancel at once': { share: 1, follow: (story) => cancel(story, 'ordered twice', 'cancelled') },
  'cancel in the warehouse': {
    share: 1,
    async follow(story) {
      await story.reaches('READY_FOR_SHIPMENT');
      await cancel(story, 'changed my mind', 'cancelled before the parcel left');
    },
  },
  'cancel too late': {
    share: 1,
    async follow(story) {
      await story.reaches('SHIPPED', 'COMPLETED');
      await cancel(story, 'changed my mind', 'cancelled');
    },
  },
  'short of stock': { share: 1, lines: shortLine },
  backorder: {
    share: 1,
    lines: shortLine,
    wish: { allowBackorder: true },
    async follow(story) {
      await story.reaches('BACKORDERED', 'RESERVED', 'PAID', 'READY_FOR_SHIPMENT', 'SHIPPED', 'COMPLETED');
      await story.pause(8);
      await story.client.adjustStock({
        sku: SHORT.sku,
        location: BERLIN,
        delta: 2,
        reason: 'demo: delivery',
      });
      story.report(`2 × ${SHORT.name} arrived`);
    },
  },
  'two parcels': {
    share: 2,
    // Each lies at one location only, so the order leaves in two parcels.
    lines: () => [
      { article: ARTICLES[1]!, quantity: 1 },
      { article: ARTICLES[2]!, quantity: 1 },
    ],
  },
  'address changed': {
    share: 1,
    follow: async (story) => {
      await story.client.amendOrder(
        { id: story.id },
        {
          shippingAddress: { name: 'Reception', line1: 'Hafenstraße 9', ...CITIES[0] },
        },
      );
      story.report('address changed');
    },
  },
  'bank transfer': {
    share: 2,
    wish: { payment: { provider: 'manual', token: 'bank_transfer' } },
    async follow(story) {
      await story.reaches('PAYMENT_PENDING');
      await story.pause(8);
      const { totalAmount } = await story.client.readOrder({ id: story.id });
      await story.command('the transfer has arrived', (client) =>
        client.recordPayment(
          { orderId: story.id },
          { amount: totalAmount, date: new Date().toISOString().slice(0, 10), reference: 'bank statement' },
        ),
      );
    },
  },
  'one piece less': {
    share: 1,
    lines: () => [
      { article: ARTICLES[0]!, quantity: 3 },
      { article: ARTICLES[3]!, quantity: 1 },
    ],
    async follow(story) {
      await story.reaches('READY_FOR_SHIPMENT');
      await story.command('one piece cancelled', (client) =>
        client.cancelItems({ id: story.id }, { items: [{ line: 1, quantity: 1 }], reason: 'one is enough' }),
      );
    },
  },
  'parcel lost': {
    share: 1,
    async follow(story) {
      await story.reaches('SHIPPED');
      const { items } = await story.client.listShipments({ orderId: story.id });
      const [parcel] = items;
      await story.command('the parcel was lost', (client) =>
        client.loseShipment({ id: parcel!.id }, { reason: 'traced in vain' }),
      );
      await story.pause(4);
      await story.command('sent once more', (client) =>
        client.openClaim(
          { id: story.id },
          { shipmentId: parcel!.id, kind: 'lost', resolution: 'reship', reason: 'traced in vain' },
        ),
      );
    },
  },
  return: {
    share: 1,
    async follow(story) {
      await story.reaches('COMPLETED');
      await story.pause(3);
      const [line] = story.lines;
      const items = [{ sku: line!.article.sku, quantity: 1 }];
      const { returns } = await story.client.requestReturn({ id: story.id }, { items, reason: 'does not fit' });
      story.report(`return of 1 × ${line!.article.name} asked for`);
      await story.pause(5);
      await story.client.receiveReturn({ id: story.id, returnId: returns.at(-1)!.returnId }, { location: BERLIN });
      story.report('return received, money goes back');
    },
  },
  refund: {
    share: 1,
    lines: () => [{ article: ARTICLES[4]!, quantity: 1 }],
    async follow(story) {
      await story.reaches('COMPLETED');
      await story.pause(2);
      await story.command('refund of 5.00 EUR asked for', (client) =>
        client.requestRefund({ id: story.id }, { amount: '5.00', reason: 'scratch on the surface' }),
      );
    },
  },
};

/** Paths in an order that chance decides, every one of them in each round. */
export function* deck(random: () => number): Generator<string, never> {
  for (;;) {
    const round = Object.entries(PATHS).flatMap(([name, { share }]) => Array.from({ length: share }, () => name));
    for (let left = round.length; left > 0; left--) {
      const [drawn] = round.splice(Math.floor(random() * left), 1);
      yield drawn!;
    }
  }
}
