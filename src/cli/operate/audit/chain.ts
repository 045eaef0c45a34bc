import { createHash } from 'node:crypto';
import type { Places } from './places.ts';
import type { Tallies } from './tallies.ts';

/** Audit entries are a chain of hashes, one in each database: whatever was changed, left out or put in later breaks it. */

/** A chain as it is; what was noted of it earlier elsewhere must still be found in it. */
export interface AuditChain {
  /** Services of its database. */
  readonly of: readonly string[];
  readonly entries: number;
  /** Number and hash of the last entry; hexadecimal. */
  readonly last: { readonly number: number; readonly hash: string };
}

interface EntryRow extends Record<string, unknown> {
  number: number;
  hash: Buffer;
  id: string;
  at: string;
  actor: string;
  actor_kind: string | null;
  action: string;
  subject: string;
  before: string | null;
  after: string | null;
  correlationid: string;
}

interface ChainRow extends Record<string, unknown> {
  number: number;
  hash: Buffer;
  from_number: number;
  from_hash: Buffer;
}

const PAGE = 2_000;

/** Follows each chain from its first entry to its last, and reports the first entry that does not follow from the one before. */
export async function auditChains({ all }: Places, tallies: Tallies): Promise<AuditChain[]> {
  const chains: AuditChain[] = [];
  for (const { database, services } of all) {
    const [chain] = await database.queryOnce<ChainRow>(
      'select number, hash, from_number, from_hash from log.audit_chain',
    );
    if (!chain) {
      tallies.violation('audit-entries', 'log.audit_chain', 'is empty: nobody can say what belongs to the chain');
      continue;
    }
    let at = { number: chain.from_number, hash: chain.from_hash };
    let entries = 0;
    let broken = false;
    for (let page: EntryRow[] = []; !broken;) {
      page = await database.queryOnce<EntryRow>(
        `select number, hash, id, (extract(epoch from at) * 1000000)::bigint::text as at, actor, actor_kind, action, subject,
           before::text as before, after::text as after, correlationid
         from log.audit_entries where number > $1 order by number limit ${PAGE}`,
        [at.number],
      );
      for (const row of page) {
        const problem = problemOf(row, at);
        entries++;
        if (problem !== undefined) {
          tallies.violation('audit-entries', row.id, `${row.action} of ${row.subject}: ${problem}`);
          broken = true;
          break;
        }
        at = { number: row.number, hash: row.hash };
      }
      if (page.length < PAGE) break;
    }
    if (!broken && (at.number !== chain.number || !at.hash.equals(chain.hash)))
      tallies.violation(
        'audit-entries',
        'the last entry',
        `is number ${at.number}, and the chain ends at ${chain.number}`,
      );
    tallies.examined('audit-entries', entries);
    chains.push({
      of: services.map(({ name }) => name),
      entries,
      last: { number: chain.number, hash: chain.hash.toString('hex') },
    });
  }
  return chains;
}

function problemOf(row: EntryRow, before: { readonly number: number; readonly hash: Buffer }): string | undefined {
  if (row.number !== before.number + 1)
    return `has the number ${row.number} and follows number ${before.number}: entries between are gone`;
  const { number, id, at, actor, actor_kind: kind, action, subject, before: was, after, correlationid } = row;
  const text = [String(number), id, at, actor, kind, action, subject, was, after, correlationid].map(part).join('');
  const hash = createHash('sha256').update(before.hash).update(text).digest();
  return hash.equals(row.hash) ? undefined : 'is not as it was written';
}

/** A value with its length before it, as the database writes it. */
function part(value: string | null): string {
  return value === null ? '-' : `${Buffer.byteLength(value)}:${value}`;
}
