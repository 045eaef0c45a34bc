import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runStories } from '#dev/demo/stories.ts';
import { ALERTS } from '#dev/observability/alerts.ts';
import { DASHBOARDS } from '#dev/observability/dashboards.ts';
import { promql } from '#dev/observability/grafana.ts';
import { promtool } from '#dev/observability/promtool.ts';
import { Api } from '#tests/support/api.ts';
import { allReachable, startCluster } from '#tests/support/cluster.ts';
import { Mailbox } from '#tests/support/mailbox.ts';
import { until } from '#tests/support/until.ts';
import { Prometheus, type Sample } from './prometheus.ts';

/**
 * `npm run observe`: a cluster under the load of the demo, with everything that goes wrong there, scraped by a real
 * Prometheus. Every query of every dashboard and alert must return something, every process must be scraped, and an
 * alert must see a process that is killed.
 */

/** What may be empty while all is well, by its dashboard and panel or by its alert, and why. */
const MAY_BE_EMPTY: Readonly<Record<string, string>> = {
  'olms-sla: Alerts': 'no alert fires',
  OlmsDiskFull: 'the disks of the machine are measured by others: kubelet or node_exporter',
};

const ORDERS = 150;
const RATE = 10;
const SEED = 13;
/** Stories wait so many seconds for a second of the demo. */
const STRETCH = 0.2;
const WINDOW = '2m';
const PATIENCE_MS = 120_000;

interface Asked {
  readonly where: string;
  readonly expr: string;
}

/** Every query of a dashboard, as Prometheus takes it. */
function panelQueries(): Asked[] {
  return DASHBOARDS.flatMap(({ uid, rows }) =>
    Object.values(rows)
      .flat()
      .flatMap(({ title, queries }) =>
        queries.map(({ expr }) => ({ where: `${uid}: ${title}`, expr: promql(expr, WINDOW) })),
      ),
  );
}

/** What an alert looks at: all is well, so the alert itself returns nothing, and each of its series something. */
function alertQueries(): Asked[] {
  return ALERTS.flatMap(({ alerts }) => alerts).flatMap(({ name, expr }) =>
    [...new Set([...expr.matchAll(/\b(?:olms|nodejs|up|kubelet|node)[\w:]*(?:\{[^}]*\})?/g)].map(([found]) => found))]
      // Labels, and words of a text.
      .filter((found) => found.includes('_') || found.startsWith('up{'))
      .map((found) => ({ where: name, expr: found })),
  );
}

const hasData = (samples: readonly Sample[]): boolean => samples.some(({ value }) => Number.isFinite(Number(value[1])));

async function emptyOf(prometheus: Prometheus, asked: readonly Asked[]): Promise<Asked[]> {
  const empty: Asked[] = [];
  for (const query of asked)
    if (!(query.where in MAY_BE_EMPTY) && !hasData(await prometheus.query(query.expr))) empty.push(query);
  return empty;
}

async function observe(log: (line: string) => void): Promise<void> {
  const startedMs = Date.now();
  const folder = mkdtempSync(join(tmpdir(), 'olms-observe-'));
  const closers: (() => Promise<unknown>)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  const say = (line: string): void => log(`${((Date.now() - startedMs) / 1000).toFixed(0).padStart(4)} s  ${line}`);
  try {
    const mailbox = new Mailbox();
    const smtpUrl = await mailbox.listen();
    closers.push(() => mailbox.close());
    const { cluster, stop } = await startCluster(
      { SMTP_URL: smtpUrl, SANDBOX_CARRIER_DELAY_MS: '500', PAYMENTS_TIMEOUT_MS: '1000', SANDBOX_SLOW_MS: '2000' },
      { replicas: { orders: 2, payments: 2 } },
    );
    closers.push(stop);
    await allReachable(cluster);
    const members = cluster.members.map(({ service, url }) => ({ component: service, url }));
    const prometheus = await Prometheus.start(folder, members, say);
    closers.push(() => prometheus.stop());
    say(`${members.length} processes run, and Prometheus scrapes them`);

    const api = new Api(cluster.urls[0]!, cluster.apiKey, { documented: false });
    closers.push(() => api.close());
    await runStories(api.client, {
      rate: RATE,
      orders: ORDERS,
      seed: SEED,
      stretch: STRETCH,
      signal: AbortSignal.timeout(PATIENCE_MS),
      report: () => {},
    });
    say(`${ORDERS} orders went their way`);

    const down = (await prometheus.targets()).filter(({ health }) => health !== 'up');
    if (down.length > 0) throw new Error(`Not scraped: ${JSON.stringify(down)}`);
    for (const { url, component } of members) {
      const linted = await promtool(['check', 'metrics'], { input: await (await fetch(`${url}/metrics`)).text() });
      if (!linted.ok || linted.output !== '') throw new Error(`promtool of ${component}: ${linted.output}`);
    }
    say('promtool has nothing against the metrics of any process');

    const asked = [...panelQueries(), ...alertQueries()];
    let empty: Asked[] = asked;
    await until(
      'every query to return something',
      async () => (empty = await emptyOf(prometheus, empty)).length === 0,
      {
        timeoutMs: PATIENCE_MS,
        everyMs: 3_000,
        describe: () => empty.map(({ where, expr }) => `\n  ${where}: ${expr}`).join(''),
      },
    );
    // The alerts themselves are understood, whatever they return.
    for (const { alerts } of ALERTS) for (const { expr } of alerts) await prometheus.query(expr);
    const left = Object.entries(MAY_BE_EMPTY).map(([where, why]) => `${where} (${why})`);
    say(
      `${asked.length} queries of ${DASHBOARDS.length} dashboards and ${ALERTS.flatMap((group) => group.alerts).length} alerts return data; may be empty: ${left.join('; ')}`,
    );

    const exemplars = await prometheus.exemplars('olms_http_request_seconds_bucket', startedMs);
    if (exemplars === 0) throw new Error('No request has an exemplar with its trace');
    say(`${exemplars} exemplars with traces`);

    const firing = (await prometheus.alerts()).filter(({ state }) => state === 'firing');
    say(`alerts that fire: ${[...new Set(firing.map(({ labels }) => labels['alertname']))].join(', ') || 'none'}`);
    await cluster.membersOf('shipping')[0]!.stop();
    await until(
      'an alert to see the process that was ended',
      async () =>
        (await prometheus.alerts()).some(
          ({ labels }) => labels['alertname'] === 'OlmsProcessDown' && labels['component'] === 'shipping',
        ),
      { timeoutMs: PATIENCE_MS, everyMs: 1_000 },
    );
    say('OlmsProcessDown has seen the process that was ended');
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

await observe((line) => process.stdout.write(`${line}\n`));
