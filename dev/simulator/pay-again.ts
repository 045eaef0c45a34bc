import type { Envelope } from '#contracts/envelope.ts';
import type { Story } from './story.ts';

/** Customers whose payment was refused pay again, some at once, some when it is too late, and some twice. */

const TOKENS = ['tok_approve', 'tok_approve', 'tok_decline', 'tok_lost_reply', 'tok_timeout', 'tok_pending'] as const;

export function payAgain(story: Story, events: readonly Envelope[]): void {
  const { random, scheduler, services, plan } = story;
  for (const { type, subject } of events) {
    if (type !== 'OrderPaymentRefused') continue;
    for (let times = random.between(0, 2); times > 0; times--)
      scheduler.after(random.duration(1, 2 * plan.deadlines.payAgain), () =>
        services.orders.submit(subject, { type: 'payAgain', provider: 'sandbox', token: random.pick(TOKENS) }),
      );
  }
}
