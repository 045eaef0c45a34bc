import { test } from 'vitest';
import { killedHalfway } from '#tests/support/bulk-story.ts';

test('a bulk command to 10,000 orders, killed halfway, reaches each of them once', { timeout: 600_000 }, async () => {
  await killedHalfway(10_000);
});
