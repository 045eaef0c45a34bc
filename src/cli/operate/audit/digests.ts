import { createHash } from 'node:crypto';
import type { Places } from './places.ts';

const PAGE = 2_000;

/**
 * SHA-256 of what each service stores, by what it is of. Two systems whose digests are equal hold the same orders, stock
 * and money: a restored one beside the one that was backed up. To be called in the snapshots of the audit; rows come a
 * page at a time, so memory does not grow with them.
 */
export async function digestsOf({ all }: Pick<Places, 'all'>): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const { database, services } of all) {
    for (const { audit } of services) {
      if (!audit.state) continue;
      const hash = createHash('sha256');
      for (const rows of audit.state.rows) {
        await database.queryOnce(`declare digested_rows no scroll cursor for ${rows}`);
        for (;;) {
          const page = await database.queryOnce<{ row: string }>(`fetch ${PAGE} from digested_rows`);
          if (page.length === 0) break;
          for (const { row } of page) hash.update(row).update('\n');
        }
        await database.queryOnce('close digested_rows');
        hash.update('\n');
      }
      digests[audit.state.of] = hash.digest('hex');
    }
  }
  return digests;
}
