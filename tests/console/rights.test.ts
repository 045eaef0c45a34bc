import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { publishedTable } from '#tests/support/published.ts';
import { usePeople } from '#tests/support/people.ts';
import { useSystem } from '#tests/support/system.ts';
import { ACTS, changesInCode, needsOf, operationOf, OWN } from './rights.ts';

/** What a role may not do is not possible with its session: every role, and every act of every screen. */

const system = useSystem();
const { send, signedUp } = usePeople(system);

const { roles, rights } = publishedTable();
const ROLES = roles.filter((role) => role !== 'customer');
const UNKNOWN = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
/** What stands for a parameter in a path: what is not there, so that nothing happens to what is. */
const PARAMETERS: Readonly<Record<string, string>> = { name: 'nobody', sku: 'NOTHING', consumer: 'orders' };

test('everything that the code of the console changes is one of its acts', () => {
  const known = new Set([...ACTS.map(({ operation }) => operation), ...OWN]);
  const found = changesInCode();
  expect([...found].filter(([id]) => !known.has(id))).toEqual([]);
  // Nor is there an act that no screen has.
  expect(ACTS.filter(({ operation }) => !found.has(operation)).map(({ operation }) => operation)).toEqual([]);
  expect(ACTS.filter(({ operation }) => !operationOf(operation))).toEqual([]);
});

test.each(ROLES)('the session of the role %s opens what its buttons ask for, and nothing else', async (role) => {
  const { cookie } = await signedUp([role]);
  const seen: Record<string, 'admitted' | 403> = {};
  const expected: Record<string, 'admitted' | 403> = {};
  for (const act of ACTS) {
    const { method, path, id } = operationOf(act.operation)!;
    const answer = await send(
      method,
      path.replaceAll(/\{(\w+)\}/g, (_, name: string) => PARAMETERS[name] ?? UNKNOWN),
      {
        cookie,
        // A body that no operation takes.
        ...(method !== 'DELETE' && { body: { nothingTakesThis: true } }),
        headers: { 'idempotency-key': randomUUID() },
      },
    );
    expect([id, answer.status === 401 || answer.status >= 500]).toEqual([id, false]);
    const { code } = (answer.status === 204 ? {} : await answer.json()) as { code?: string };
    seen[id] = code === 'FORBIDDEN' ? 403 : 'admitted';
    expected[id] = needsOf(act).every((permission) => rights.get(permission)?.has(role)) ? 'admitted' : 403;
  }
  expect(seen).toEqual(expected);
  expect(Object.values(seen)).toContain(role === 'admin' ? 'admitted' : 403);
});
