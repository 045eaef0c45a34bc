import { expect, test } from 'vitest';
import { MemoryCache } from '#platform/cache/memory-cache.ts';
import { cacheContract } from './cache.contract.ts';

const cache = new MemoryCache();
cacheContract('in process', () => cache);

test('it stays bounded', async () => {
  const bounded = new MemoryCache();
  for (let n = 0; n < 30_000; n++) await bounded.putVersioned(`k${n}`, 1, 'x', 60_000);
  expect((await bounded.getVersioned('k0')).value).toBeUndefined();
  expect((await bounded.getVersioned('k29999')).value).toBe('x');
});
