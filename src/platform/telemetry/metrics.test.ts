import { expect, test } from 'vitest';
import { until } from '#tests/support/until.ts';
import { createMetrics } from './metrics.ts';

test('both formats name counters alike, however often each was asked for, and only OpenMetrics carries traces', async () => {
  const metrics = createMetrics();
  const seconds = metrics.histogram({ name: 'a_seconds', help: 'a', labelNames: ['route'], exemplars: true });
  const exemplarLabels: Record<string, string> = { trace_id: '4bf92f' };
  seconds.observe({ labels: { route: '/' }, value: 0.03, exemplarLabels });
  metrics.counter({ name: 'b_total', help: 'b' }).inc(2);
  for (let round = 0; round < 2; round++) {
    const open = await metrics.text('application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
    expect(open.contentType).toContain('application/openmetrics-text');
    expect(open.body).toContain('# TYPE b counter\nb_total 2\n');
    expect(open.body).toMatch(/a_seconds_bucket\{le="0.05",route="\/"\} 1 # \{trace_id="4bf92f"\} 0.03/);
    expect(open.body.endsWith('# EOF\n')).toBe(true);
    const plain = await metrics.text();
    expect(plain.contentType).toContain('text/plain');
    expect(plain.body).toContain('# TYPE b_total counter\nb_total 2\n');
    expect(plain.body).not.toContain('4bf92f');
  }
});

test('what is looked up is not looked up at every request, and vanishes when the look fails', async () => {
  const metrics = createMetrics();
  const rows = metrics.gauge({ name: 'rows', help: 'rows', labelNames: ['table'] });
  let looks = 0;
  let fails = false;
  metrics.measure({
    name: 'rows',
    everyMs: 100,
    clear: () => rows.reset(),
    async read() {
      looks++;
      if (fails) throw new Error('away');
      return () => rows.labels('orders').set(looks);
    },
  });
  expect((await metrics.text()).body).toContain('rows{table="orders"} 1');
  await metrics.text();
  expect(looks).toBe(1);
  fails = true;
  await until('the next look', async () => (await metrics.text()).body.includes('{measurement="rows"} 1'));
  expect((await metrics.text()).body).not.toContain('rows{');
});

test('whoever takes too long is not waited for', async () => {
  const metrics = createMetrics();
  metrics.measure({ name: 'slow', everyMs: 0, read: () => new Promise(() => {}) });
  expect((await metrics.text()).body).toContain('process_cpu');
}, 30_000);
