import type { Settings, Values } from '#platform/runtime/settings.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { Cache } from './cache.ts';
import { MemoryCache } from './memory-cache.ts';
import { RedisCache } from './redis-cache.ts';

export const cacheSettings = {
  redisUrl: {
    type: 'secret',
    env: 'REDIS_URL',
    default: '',
    meaning:
      'Redis that the processes share for reads, rate limits and live events, as redis://user:password@host:port, or rediss:// for TLS; empty: each process for itself',
  },
  redisTlsCa: {
    type: 'string',
    env: 'REDIS_TLS_CA',
    default: '',
    meaning:
      'File with the certificate authority of Redis, or its own certificate (PEM); empty: the public authorities that Node.js knows',
  },
  redisTlsCert: {
    type: 'string',
    env: 'REDIS_TLS_CERT',
    default: '',
    meaning: 'File with the certificate we show to Redis, and those between it and its authority (PEM); empty: none',
  },
  redisTlsKey: {
    type: 'string',
    env: 'REDIS_TLS_KEY',
    default: '',
    meaning: 'File with the private key of REDIS_TLS_CERT (PEM)',
  },
  redisPrefix: {
    type: 'string',
    env: 'REDIS_PREFIX',
    default: 'olms:',
    meaning: 'Begins the name of every key, so that several systems may share one Redis',
  },
} as const satisfies Settings;

export function openCache(config: Values<typeof cacheSettings>, logger: Logger, metrics: Metrics): Promise<Cache> {
  const { redisUrl: url, redisPrefix: prefix, redisTlsCa: ca, redisTlsCert: cert, redisTlsKey: key } = config;
  return url === ''
    ? Promise.resolve(new MemoryCache())
    : RedisCache.open({ url, prefix, logger, metrics, tls: { ca, cert, key } });
}
