import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ORDER_EVENTS } from '#contracts/order-events.ts';
import { STATUSES } from '#orders/rules/lifecycle.ts';
import { PLANTED } from './faults.ts';
import { Random } from './random.ts';
import { runStories } from './simulate.ts';
import { runStory } from './story.ts';

const STORIES = 3_000;
const STORIES_UNTIL_FOUND = 5_000;
const SIMULATION_LIMIT_MS = 240_000;
/** Stories that failed once, and why. */
const REGRESSIONS: readonly (readonly [seed: number, because: string])[] = [
  [138, 'a parcel left goods behind that the order had set aside at another place, too'],
  [320, 'a replica that got its partition back decided on what it remembered from before'],
  [424, 'a repeated OrderCreated is decided as if it were the first, and the parcel after it finds nothing reserved'],
  [
    8_528,
    'stock changed from outside while a batch was under way, and inventory went on with what it knew before that batch',
  ],
  [20_000_859, 'goods given back in the same batch hid that a newcomer took what others wait for'],
  [30_014_803, 'an order was read, and joined the line, after the turn of one behind it had come'],
  [19_219, 'payments counted twice that a call never left, and gave up a charge that was made'],
];

/** The provider of the stories knows none: src/payments/rules/books.test.ts has every order of theirs. */
const DISPUTES = ['PaymentDisputed', 'PaymentDisputeClosed', 'OrderDisputed', 'OrderDisputeEnded'];

describe('random stories about the services’ own rules', () => {
  test.each([1, 1_000_000])(
    'from seed %i: every order ends, stock and money balance, no event precedes its cause',
    (seed) => {
      const { failure, eventTypes, statuses, troubles, storiesPerCpuMinute, stories } = runStories({
        seed,
        stories: STORIES / 2,
      });
      if (failure)
        throw new Error(
          `Story ${failure.seed}: ${failure.reason}. Again: olms simulate --seed ${failure.seed} --stories 1\n${failure.trace.slice(-40).join('\n')}`,
        );
      console.log(`${stories} stories from seed ${seed}: ${storiesPerCpuMinute} a minute of one core`);
      // Stories in which nothing happens would prove nothing.
      expect(Object.keys(ORDER_EVENTS).filter((type) => !(type in eventTypes) && !DISPUTES.includes(type))).toEqual([]);
      expect(Object.keys(statuses).sort()).toEqual(
        Object.entries(STATUSES)
          .filter(([, { final }]) => final)
          .map(([status]) => status)
          .sort(),
      );
      expect(Object.entries(troubles).filter(([, times]) => times === 0)).toEqual([]);
    },
    SIMULATION_LIMIT_MS,
  );

  test.each(REGRESSIONS)('story %i holds: %s', (seed) => {
    expect(runStory({ seed }).failure).toBeUndefined();
  });

  test('the same seed gives the same story, another seed another one', () => {
    const hash = (seed: number): string =>
      createHash('sha256')
        .update(runStory({ seed, trace: true }).trace.join('\n'))
        .digest('hex');
    const seeds = Array.from({ length: 20 }, (_, seed) => seed);
    const first = seeds.map(hash);
    expect(seeds.map(hash)).toEqual(first);
    expect(new Set(first).size).toBe(seeds.length);
    // Watching changes nothing.
    for (const seed of seeds) expect(runStory({ seed }).fingerprint).toBe(runStory({ seed, trace: true }).fingerprint);
  });
});

/** Stories that met a fault for which the search takes seconds: these are reported first. */
const MET_IN: Readonly<Record<string, number>> = {
  'a replacement is never sent and nothing is credited': 230,
  'a review that is not decided waits for ever': 422,
  'stock levels are not guarded': 3_104,
};

/** A story that is played once more is called from another line: of a thrown error's stack, all but the lines is equal. */
const withoutLines = (text: string): string => text.replaceAll(/:\d+:\d+(?=\)?$)/gm, '');

describe('the simulator finds', () => {
  test.each(Object.entries(PLANTED))(
    '%s',
    (name, faults) => {
      const known = MET_IN[name];
      const { failure = runStories({ seed: 1, stories: STORIES_UNTIL_FOUND, faults }).failure } =
        known === undefined ? {} : runStories({ seed: known, stories: 1, faults });
      expect(failure).toBeDefined();
      const { seed, reason, trace } = failure!;
      // Where rules have changed since, that story may be another one: then the next search is spared by this number.
      if (known !== undefined && seed !== known) console.log(`"${name}" is met in story ${seed} now`);
      expect(withoutLines(trace.at(-1)!)).toContain(`FAILED: ${withoutLines(reason)}`);
    },
    SIMULATION_LIMIT_MS,
  );
});

describe('the random numbers', () => {
  test('are those of sfc32, spread evenly and never beyond their limits', () => {
    const random = new Random(7);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 100_000; i++) counts[random.below(10)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    for (let i = 0; i < 1_000; i++) {
      const duration = random.duration(5, 7_000);
      expect(duration >= 5 && duration <= 7_000).toBe(true);
    }
  });
});
