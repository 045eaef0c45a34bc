import type { Environment } from '#platform/runtime/settings.ts';
import { Problem, type Review } from '#client/client.ts';
import { type ApiClient, withClient } from '#cli/client.ts';
import { ageOf, facts, minuteOf, momentOf, print, printJson, table, wrapped } from '#cli/output.ts';
import { namesOf, orderNamed } from './find.ts';
import { paymentText } from './order-text.ts';
import type { OrderOptions } from './orders.ts';

/** `olms reviews`, `olms payments` and `olms notifications`: what support looks at, over the API. */

const REVIEWS_MAX = 200;

export interface ReviewListOptions extends OrderOptions {
  /** `all`: whatever became of them. */
  readonly status: string;
}

export async function listReviews(options: ReviewListOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const status = options.status === 'all' ? undefined : (options.status as Review['status']);
    const { items } = await client.listReviews({ status, limit: REVIEWS_MAX });
    if (options.json) return printJson(items);
    if (items.length === 0) return print(status === undefined ? 'there are no reviews' : `no review is ${status}`);
    const nameOf = await namesOf(
      client,
      items.map(({ orderId }) => orderId),
    );
    const rows = items.map((review) => [
      review.id,
      nameOf(review.orderId),
      ageOf(review.openedAt),
      review.status === 'pending'
        ? `until ${minuteOf(review.deadlineAt)}`
        : `${review.status} by ${review.decidedBy}: ${review.reason}`,
      review.reasons.join(', '),
    ]);
    print(table(['review', 'order', 'age', 'decision', 'because'], rows, { flexible: ['decision', 'because'] }));
  });
}

export interface DecisionOptions extends OrderOptions {
  readonly reason: string;
  readonly customerMessage?: string;
}

export async function decideReview(
  decision: 'approve' | 'reject',
  name: string,
  options: DecisionOptions,
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const id = await reviewNamed(client, name);
    const { reason, customerMessage } = options;
    const review =
      decision === 'approve'
        ? await client.approveReview({ id }, { reason })
        : await client.rejectReview({ id }, { reason, ...(customerMessage !== undefined && { customerMessage }) });
    if (options.json) printJson(review);
    else
      print(
        `review ${review.id} of order ${(await namesOf(client, [review.orderId]))(review.orderId)} is ${review.status}`,
      );
  });
}

/** A review by its own id, or by what its order is called. */
async function reviewNamed(client: ApiClient, name: string): Promise<string> {
  try {
    return (await client.readReview({ id: name.trim().toLowerCase() })).id;
  } catch (error) {
    if (!(error instanceof Problem) || (error.status !== 404 && error.status !== 400)) throw error;
  }
  const orderId = await orderNamed(client, name);
  const { items } = await client.listReviews({ orderId });
  if (items.length === 0) throw new Error(`There is no review ${name}, and no review of an order that is called so.`);
  return items[0]!.id;
}

export async function showPayments(name: string, options: OrderOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const { items } = await client.listPayments({ orderId: await orderNamed(client, name) });
    if (options.json) printJson(items);
    else print(items.length === 0 ? 'nothing was asked of a provider yet' : items.map(paymentText).join('\n\n'));
  });
}

export async function listNotifications(name: string, options: OrderOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const { items } = await client.listNotifications({ orderId: await orderNamed(client, name) });
    if (options.json) return printJson(items);
    if (items.length === 0) return print('nobody was notified yet');
    const rows = items.map((item, index) => [
      String(index + 1),
      minuteOf(item.createdAt),
      ageOf(item.createdAt),
      item.channel,
      item.status,
      item.recipient,
      item.subject,
    ]);
    print(
      table(['', 'written', 'age', 'channel', 'status', 'to', 'subject'], rows, {
        flexible: ['to', 'subject'],
      }),
    );
  });
}

/** The nth notification of an order as it was written. */
export async function showNotification(
  name: string,
  nth: string,
  options: OrderOptions,
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const { items } = await client.listNotifications({ orderId: await orderNamed(client, name) });
    const item = items[Number(nth) - 1];
    if (!item) throw new Error(`The order has ${items.length} notifications; give the number of one of them.`);
    if (options.json) return printJson(item);
    const nameOf = await namesOf(client, [item.orderId]);
    const head = facts([
      ['to', item.recipient ?? 'nobody'],
      ['by', item.channel],
      ['about', `${item.eventType} of order ${nameOf(item.orderId)}`],
      ['status', `${item.status}${item.detail === null ? '' : `: ${item.detail}`}`],
      ['written', momentOf(item.createdAt)],
      ['sent', item.sentAt === null ? undefined : momentOf(item.sentAt)],
      ['subject', item.subject],
    ]);
    const body = item.body.split('\n').flatMap((line) => wrapped(line));
    print(`${head}\n\n${body.join('\n')}`);
  });
}
