import { expect, test } from 'vitest';
import { faultsOf, runAttacks } from './attack.ts';

/** The short form; the long one, which also compares latencies, is `node tests/faults/attack.ts`. */

test('whatever one caller sends, the memory of the process does not double and nobody else is refused', async () => {
  const reports = await runAttacks(['streams', 'reads', 'signed', 'bodies', 'bombs', 'deep'], {
    size: 0.5,
    measureMs: 2_500,
    onReport: (report) => console.log(JSON.stringify(report)),
  });
  // How fast others are served is a matter of the long form: here the machine is shared with other tests.
  expect(reports.flatMap(faultsOf).filter((fault) => !fault.includes('p50'))).toEqual([]);
  const [streams, reads, signed, bodies, bombs, deep] = reports.map(({ attacker }) => attacker);
  expect(streams).toEqual({ 200: 50, 429: 200 });
  expect(reads!['429']).toBeGreaterThan(1_000);
  expect(signed!['503']).toBeGreaterThan(0);
  expect(signed!['401']).toBeUndefined();
  expect(Object.keys(bodies!)).toEqual(['401']);
  expect(bombs!['415']).toBeGreaterThan(0);
  expect(Object.keys(bombs!).filter((status) => !['415', '429'].includes(status))).toEqual([]);
  expect(deep!['400']).toBeGreaterThan(0);
  expect(Object.keys(deep!).filter((status) => !['400', '429'].includes(status))).toEqual([]);
}, 120_000);
