import type { Settings, Values } from '../config.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Cache } from './cache.ts';
import { MemoryCache } from './memory-cache.ts';
import { RedisCache } from './redis-cache.ts';

export const cacheSettings = {
  redisUrl: {
    type: 'secret',
    env: 'REDIS_URL',
    default: '',
    meaning: 'Redis that the processes share for reads, rate limits and live events; empty: each process for itself',
  },
  redisPrefix: {
    type: 'string',
    env: 'REDIS_PREFIX',
    default: 'olms:',
    meaning: 'Begins the name of every key, so that several systems may share one Redis',
  },
} as const satisfies Settings;

export function openCache(config: Values<typeof cacheSettings>, logger: Logger, metrics: Metrics): Promise<Cache> {
  const { redisUrl: url, redisPrefix: prefix } = config;
  return url === '' ? Promise.resolve(new MemoryCache()) : RedisCache.open({ url, prefix, logger, metrics });
}
