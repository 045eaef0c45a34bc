import { test } from 'vitest';
import { killedHalfway } from '#tests/support/bulk-story.ts';

test('a bulk command to 1,600 orders, killed halfway, reaches each of them once', { timeout: 180_000 }, async () => {
  await killedHalfway(1_600);
});
