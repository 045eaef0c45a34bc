import { countOf, type ServiceCheck } from '#platform/diagnosis.ts';
import { listKeys } from './key-store.ts';

const SOON_MS = 14 * 86_400_000;
const NAMED_MAX = 5;

/** What `olms doctor` looks at: keys whose programs will be refused before long. */
export const gatewayDiagnosis: readonly ServiceCheck[] = [
  {
    name: 'keys',
    meaning: 'no API key that is in use is about to end',
    async look({ database, nowMs }) {
      const keys = (await listKeys(database)).filter(({ revokedAt }) => revokedAt === null);
      const ending = keys.filter(({ expiresAt, lastUsedAt }) => {
        const leftMs = expiresAt === undefined ? Infinity : Date.parse(expiresAt) - nowMs;
        return lastUsedAt !== null && leftMs > 0 && leftMs < SOON_MS;
      });
      const named = ending.slice(0, NAMED_MAX).map(({ name, expiresAt }) => `${name} (${expiresAt!.slice(0, 10)})`);
      return {
        seen: countOf(keys.length, 'key'),
        findings:
          ending.length === 0
            ? []
            : [
                {
                  severity: 'warning',
                  what: `${countOf(ending.length, 'API key')} about to end`,
                  detail: `${named.join(', ')}${ending.length > named.length ? ' …' : ''}: whoever uses ${ending.length === 1 ? 'it' : 'them'} will be answered 401.`,
                  do: 'Give its program another one: POST /api-keys/{name}/rotate leaves the old one good for a while.',
                },
              ],
      };
    },
  },
];
