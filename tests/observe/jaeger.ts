import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunStory, runStories } from '#dev/demo/stories.ts';
import { SERVICES } from '#system/services.ts';
import { Api } from '#tests/support/api.ts';
import { allReachable, startCluster } from '#tests/support/cluster.ts';
import { Mailbox } from '#tests/support/mailbox.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';
import { Jaeger, type JaegerSpan, type JaegerTrace, startDeployedCollector } from './jaeger-program.ts';

/**
 * `npm run jaeger`: a cluster whose traces a real Jaeger takes. An order is one trace with every service in it, no span
 * lacks its parent, and what is linked is there; all as Jaeger's API answers. Then the collector of deploy/observability
 * gets traces of every kind, and Jaeger must have what failed, what was slow, and a share of the rest.
 */

const COLLECTOR = join(import.meta.dirname, '..', '..', 'deploy', 'observability', 'collector.yaml');
/** The payment provider of tests stands for the outside world, which has traces of its own. */
const OUTSIDE = 'sandbox';
const ORDERS = 60;
const RATE = 6;
const SEED = 13;
const STRETCH = 0.2;
const PATIENCE_MS = 120_000;
const ORDINARY = 400;
const NOTABLE = 10;
const SLOW_MS = 8_000;
const DECISION_PATIENCE_MS = 90_000;

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
const parentOf = ({ references }: JaegerSpan): string | undefined =>
  references.find(({ refType }) => refType === 'CHILD_OF')?.spanID;

/** What is wrong with a trace: spans whose parent it does not have, or several beginnings. */
function faultsOf({ traceID, spans }: JaegerTrace): string[] {
  const known = new Set(spans.map(({ spanID }) => spanID));
  const named = ({ operationName }: JaegerSpan): string => operationName;
  const orphans = spans.filter((span) => {
    const parent = parentOf(span);
    return parent !== undefined && !known.has(parent);
  });
  const roots = spans.filter((span) => parentOf(span) === undefined);
  return [
    ...orphans.map((span) => `${traceID}: the parent of "${named(span)}" is missing`),
    ...(roots.length === 1 ? [] : [`${traceID} begins ${roots.length} times: ${roots.map(named).join(', ')}`]),
  ];
}

const servicesOf = ({ processes }: JaegerTrace): Set<string> =>
  new Set(Object.values(processes).map(({ serviceName }) => serviceName));

/** A trace of two spans as somebody else sends it. */
function otlpTrace({ failed = false, tookMs = 20 }: { readonly failed?: boolean; readonly tookMs?: number } = {}): {
  readonly traceId: string;
  readonly spans: readonly object[];
} {
  const traceId = hex(16);
  const [root, child] = [hex(8), hex(8)];
  const endMs = Date.now();
  const nanos = (ms: number): string => `${Math.round(ms)}000000`;
  const times = { startTimeUnixNano: nanos(endMs - tookMs), endTimeUnixNano: nanos(endMs) };
  const status = failed ? { code: 2 } : {};
  const span = { traceId, kind: 2, ...times };
  return {
    traceId,
    spans: [
      { ...span, spanId: root, name: 'POST /orders' },
      { ...span, spanId: child, parentSpanId: root, name: 'payments charge', status },
    ],
  };
}

async function send(otlpUrl: string, serviceName: string, spans: readonly object[]): Promise<void> {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: serviceName } }] };
  const answer = await fetch(`${otlpUrl}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'test' }, spans }] }] }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!answer.ok) throw new Error(`The collector answers ${answer.status}: ${await answer.text()}`);
}

/**
 * An order with everything that can happen to it, asked for by a shop that has a trace of its own and goes on in it: placed,
 * approved, paid, delivered, returned, refunded. Resolves with its trace id.
 */
async function wholeLife(api: Api, jaeger: Jaeger): Promise<string> {
  const [traceId, spanId] = [hex(16), hex(8)];
  const now = `${Date.now()}000000`;
  const times = { startTimeUnixNano: now, endTimeUnixNano: now };
  await send(jaeger.otlpUrl, 'shop', [{ traceId, spanId, name: 'checkout', kind: 3, ...times }]);
  const headers = { traceparent: `00-${traceId}-${spanId}-01` };
  const sku = await api.product(10);
  const contact = { email: 'traced@example.com' };
  const { id } = await api.placeOrder({ sku, quantity: 2, requiresReview: true, contact }, { headers });
  const review = await api.reviewOf(id);
  const change = async (path: string, body: unknown): Promise<Order> =>
    api.ok('POST', path, { body, headers, key: hex(8) });
  await change(`/reviews/${review.id}/approve`, { reason: 'known customer' });
  await api.untilStatus(id, 'COMPLETED');
  await api.invoice(id);
  const { returns } = await change(`/orders/${id}/returns`, { items: [{ sku, quantity: 1 }], reason: 'too small' });
  await change(`/orders/${id}/returns/${returns[0]!.returnId}/receive`, {});
  await api.untilOrder(id, 'refunded', ({ refunds }) => refunds.some(({ status }) => status === 'DONE'));
  await api.untilNotified(id, 'OrderRefunded');
  const events = await api.events(id);
  const elsewhere = events.filter((event) => event.traceparent?.slice(3, 35) !== traceId);
  if (elsewhere.length > 0) throw new Error(`Not in the trace: ${elsewhere.map(({ type }) => type).join(', ')}`);
  return traceId;
}

/** Waits until a trace is as it should be, and throws with what is wrong where it never is. */
async function untilSound(
  what: string,
  jaeger: Jaeger,
  traceId: string,
  further: (trace: JaegerTrace) => readonly string[] = () => [],
): Promise<JaegerTrace> {
  let faults: readonly string[] = [];
  let spans = -1;
  return until(
    what,
    async () => {
      const trace = await jaeger.trace(traceId);
      if (!trace) return false;
      const still = trace.spans.length === spans;
      spans = trace.spans.length;
      faults = [...faultsOf(trace), ...further(trace)];
      return still && faults.length === 0 && trace;
    },
    { timeoutMs: PATIENCE_MS, everyMs: 1_000, describe: () => `${spans} spans; ${faults.join('; ')}` },
  );
}

/** Names of operations that the trace of a whole life has. */
const OPERATIONS = [
  'POST /orders',
  'orders commit',
  'inventory OrderCreated',
  'reviews OrderCreated',
  'payments charge',
  'payments refund',
  'shipping OrderReadyForShipment',
  'billing OrderCompleted',
  'notifications mail',
];

async function checkOrders(jaeger: Jaeger, say: (line: string) => void): Promise<void> {
  const mailbox = new Mailbox();
  const smtpUrl = await mailbox.listen();
  const { cluster, stop } = await startCluster({
    SMTP_URL: smtpUrl,
    SANDBOX_CARRIER_DELAY_MS: '500',
    PAYMENTS_TIMEOUT_MS: '1000',
    SANDBOX_SLOW_MS: '2000',
    OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlpUrl,
    OTEL_BSP_SCHEDULE_DELAY: '300',
  });
  const api = new Api(cluster.urls[0]!, cluster.apiKey, { documented: false });
  try {
    await allReachable(cluster);
    say(`${cluster.members.length} processes run, and send their traces to Jaeger`);

    const traceId = await wholeLife(api, jaeger);
    const wanted = SERVICES.filter(({ name }) => name !== OUTSIDE).map(({ name }) => `olms-${name}`);
    const whole = await untilSound('the trace of a whole life', jaeger, traceId, (trace) => {
      const present = servicesOf(trace);
      const names = new Set(trace.spans.map(({ operationName }) => operationName));
      return [...wanted.filter((name) => !present.has(name)), ...OPERATIONS.filter((name) => !names.has(name))].map(
        (name) => `${name} is missing`,
      );
    });
    say(`a whole life is one trace of ${whole.spans.length} spans by ${[...servicesOf(whole)].sort().join(', ')}`);
    // The check itself can fail: a span that others have as parent, left out, is missed.
    const parents = new Set(whole.spans.map(parentOf));
    const without = whole.spans.filter(
      ({ spanID }) => spanID !== whole.spans.find((s) => parents.has(s.spanID) && parentOf(s))!.spanID,
    );
    if (faultsOf({ ...whole, spans: without }).length === 0) throw new Error('A missing span is not noticed');

    const stories: RunStory[] = [];
    await runStories(api.client, {
      rate: RATE,
      orders: ORDERS,
      seed: SEED,
      stretch: STRETCH,
      signal: AbortSignal.timeout(PATIENCE_MS),
      report: () => {},
      onBegun: (story) => stories.push(story),
    });
    let spans = 0;
    const linked: JaegerSpan['references'][number][] = [];
    for (const { orderId, path } of stories) {
      const { traceId: own } = await api.order(orderId);
      const trace = await untilSound(`the trace of the story "${path}"`, jaeger, own!);
      spans += trace.spans.length;
      linked.push(
        ...trace.spans.flatMap(({ references }) => references.filter(({ refType }) => refType === 'FOLLOWS_FROM')),
      );
    }
    say(`${stories.length} orders of the demo are traces without an orphan: ${spans} spans`);
    if (linked.length === 0) throw new Error('No span is linked with another');
    const others = new Map<string, Set<string>>();
    for (const { traceID, spanID } of linked) {
      if (!others.has(traceID))
        others.set(traceID, new Set((await jaeger.trace(traceID))?.spans.map((span) => span.spanID)));
      if (!others.get(traceID)!.has(spanID)) throw new Error(`Linked with ${traceID} ${spanID}, which is not there`);
    }
    say(`${linked.length} links lead to spans of ${others.size} traces, all of which are there`);
  } finally {
    await api.close();
    await stop();
    await mailbox.close();
  }
}

async function checkCollector(folder: string, jaeger: Jaeger, say: (line: string) => void): Promise<void> {
  const collector = await startDeployedCollector(folder, readFileSync(COLLECTOR, 'utf8'), jaeger, say);
  try {
    const many = (count: number, kind: Parameters<typeof otlpTrace>[0]): ReturnType<typeof otlpTrace>[] =>
      Array.from({ length: count }, () => otlpTrace(kind));
    const failed = many(NOTABLE, { failed: true });
    const slow = many(NOTABLE, { tookMs: SLOW_MS });
    const ordinary = many(ORDINARY, {});
    await send(
      collector.otlpUrl,
      'olms-test',
      [...failed, ...slow, ...ordinary].flatMap(({ spans }) => spans),
    );
    const kept = async (traces: readonly { readonly traceId: string }[]): Promise<number> =>
      (await Promise.all(traces.map(async ({ traceId }) => (await jaeger.trace(traceId))?.spans.length === 2))).filter(
        Boolean,
      ).length;
    const counted = (): Promise<number[]> => Promise.all([kept(failed), kept(slow), kept(ordinary)]);
    let seen: number[] = [];
    await until(
      'what the collector keeps',
      async () => {
        seen = await counted();
        return seen[0] === NOTABLE && seen[1] === NOTABLE && seen[2]! > 0;
      },
      { timeoutMs: DECISION_PATIENCE_MS, everyMs: 1_000, describe: () => seen.join(', ') },
    );
    const share = (await kept(ordinary)) / ORDINARY;
    if (share < 0.03 || share > 0.25) throw new Error(`Of ordinary traces ${(share * 100).toFixed(1)} % are kept`);
    say(
      `the deployed collector keeps ${NOTABLE} of ${NOTABLE} that failed, ${NOTABLE} of ${NOTABLE} slow ones and ${(share * 100).toFixed(1)} % of ${ORDINARY} others`,
    );
    // What comes later follows what was decided.
    const { traceId, spans } = failed[0]!;
    const [root] = spans as readonly { spanId: string }[];
    const late = { ...root, spanId: hex(8), parentSpanId: root!.spanId, name: 'orders OrderShipped' };
    await send(collector.otlpUrl, 'olms-test', [late]);
    await until('a late span', async () => (await jaeger.trace(traceId))?.spans.length === 3, {
      timeoutMs: DECISION_PATIENCE_MS,
      everyMs: 500,
    });
    say('a span that comes after the decision is kept with its trace');
  } finally {
    await collector.stop();
  }
}

async function main(): Promise<void> {
  const startedMs = Date.now();
  const say = (line: string): void =>
    void process.stdout.write(`${((Date.now() - startedMs) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'olms-jaeger-'));
  let jaeger: Jaeger | undefined;
  try {
    jaeger = await Jaeger.start(folder, say);
    await checkCollector(folder, jaeger, say);
    await checkOrders(jaeger, say);
  } finally {
    await jaeger?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
