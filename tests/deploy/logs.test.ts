import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { logCommands, logEvents } from '#platform/telemetry/event-lines.ts';
import { createLogger, type Logger, loggerOf } from '#platform/telemetry/logger.ts';
import { DEPLOY, readYaml } from './files.ts';
import { type Event, filtersOf } from './logstash.ts';

/**
 * The way of a log line to Elasticsearch: what Filebeat makes of it, the filters of Logstash, and the index template, which
 * takes no field that it does not know. What Kibana is given names only such fields. None of these programs is here.
 */

interface Mapping {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Mapping>>;
}
interface SavedObject {
  readonly type: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly references: readonly { readonly type: string; readonly id: string; readonly name: string }[];
}

const FOLDER = join(DEPLOY, 'compose/logs');
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const template = JSON.parse(read('index-template.json')) as {
  readonly index_patterns: readonly string[];
  readonly template: {
    readonly settings: Record<string, unknown>;
    readonly mappings: Mapping & { readonly dynamic: string };
  };
};
const { mappings, settings } = template.template;
const filtered = filtersOf(read('logstash.conf'));

/** A line of a container as Filebeat sends it. */
function fromFilebeat(line: string, tag = 'olms-orders-1'): Event {
  return {
    '@timestamp': '2026-01-01T00:00:00.000Z',
    '@version': '1',
    docker: {
      log: `${line}\n`,
      stream: 'stderr',
      time: '2026-01-01T12:00:00.123456789Z',
      attrs: { tag, olms_logs: 'true' },
    },
    event: { original: line },
    agent: { name: 'x', version: '9.4.4' },
    ecs: { version: '8.0.0' },
    host: { name: 'x' },
    input: { type: 'filestream' },
    log: { offset: 12, file: { path: '/var/lib/docker/containers/x/x-json.log' } },
    tags: ['beats_input_raw_event'],
  };
}

/** What a mapping of this type takes; flattened and text take anything below or any text. */
const TAKES: Readonly<Record<string, (value: unknown) => boolean>> = {
  date: (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
  long: (value) => Number.isSafeInteger(value),
  keyword: (value) => [value].flat().every((each) => typeof each === 'string' || typeof each === 'number'),
  wildcard: (value) => typeof value === 'string',
  match_only_text: (value) => typeof value === 'string',
  flattened: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** Why an index with this template would refuse a document. */
function refusals(value: unknown, mapping: Mapping | undefined, path = ''): string[] {
  if (!mapping) return [`${path} is not in the mapping`];
  const { type, properties } = mapping;
  if (type !== undefined) return TAKES[type]!(value) ? [] : [`${path} is no ${type}: ${JSON.stringify(value)}`];
  if (typeof value !== 'object' || value === null) return [`${path} is no object: ${JSON.stringify(value)}`];
  return Object.entries(value).flatMap(([name, inner]) => {
    // Elasticsearch takes a dot in a name for a path.
    if (name.includes('.')) return [`${path}.${name} has a dot in its name`];
    return refusals(inner, properties?.[name], path === '' ? name : `${path}.${name}`);
  });
}

/** Lines of every kind, as the program writes them. */
function lines(): string[] {
  const written: string[] = [];
  const root = createLogger('trace', { destination: { write: (line) => void written.push(line.trimEnd()) } });
  const logger: Logger = loggerOf(root, 'orders');
  const cause = {
    correlationid: 'c-1',
    causationid: 'x',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  };
  const event: Envelope = {
    id: 'e-1',
    source: '/olms/orders',
    type: 'OrderPaid',
    subject: 'o-1',
    sequence: 3,
    time: '2026-01-01T12:00:00Z',
    ...cause,
    data: {},
  };
  logEvents(logger, [event, { ...event, traceparent: undefined }], 12.345);
  const request = { orderId: 'o-1', command: { type: 'cancel' }, cause };
  logCommands(
    logger,
    [
      { request, answer: {} },
      { request, error: new Error('x') },
    ],
    1,
  );
  logCommands(logger, [{ request, answer: { refused: 'ORDER_FINAL', detail: 'x' } }], 1);
  const failed = Object.assign(new Error('boom', { cause: new AggregateError([new Error('a')], 'b') }), {
    code: '23514',
    constraint: 'guard_available',
    errno: -111,
  });
  logger.error({ err: failed, orderId: 'o-1', eventType: 'OrderPaid' }, 'event parked');
  logger.warn({ err: Object.assign(new Error('no number'), { code: 7 }) }, 'job failed');
  root.info({ migrations: ['orders/0001', 'orders/0002'] }, 'migrated');
  root.debug({ line: 'LOG:  ready' }, 'postgres');
  root.fatal('nothing more');
  return written;
}

describe('a log line', () => {
  const documents = lines().map((line) => filtered(fromFilebeat(line)));

  test('is taken by an index that takes nothing unknown', () => {
    expect(mappings.dynamic).toBe('strict');
    for (const document of documents) expect(refusals(document, mappings), JSON.stringify(document)).toEqual([]);
    expect(documents.length).toBeGreaterThan(8);
  });

  test('is found by the names of the Elastic Common Schema, with its own time', () => {
    const [event] = documents;
    expect(event).toMatchObject({
      message: 'OrderPaid',
      log: { level: 'info' },
      service: { name: 'orders' },
      event: { action: 'OrderPaid', duration: 12_350_000 },
      trace: { id: '4bf92f3577b34da6a3ce929d0e0e4736' },
      span: { id: '00f067aa0ba902b7' },
      labels: { order_id: 'o-1', correlation_id: 'c-1' },
      process: { pid: process.pid },
      container: { name: 'olms-orders-1' },
      olms: { eventId: 'e-1', sequence: 3 },
    });
    expect(Object.keys(event!['olms'] as object).toSorted()).toEqual(['eventId', 'sequence']);
    expect(event!['@timestamp']).not.toMatch(/^2026-01-01T/);
    const parked = documents.find(({ message }) => message === 'event parked')!;
    expect(parked).toMatchObject({
      error: { type: 'Error', message: 'boom', code: '23514', stack_trace: expect.stringContaining('at ') as string },
      olms: { eventType: 'OrderPaid', err: { constraint: 'guard_available', cause: { errors: [{ message: 'a' }] } } },
    });
  });

  test('that is none of ours stays a message, of the service and the time that Docker says', () => {
    const document = filtered(fromFilebeat('FATAL ERROR: heap out of memory', 'olms-payments-2'));
    expect(refusals(document, mappings)).toEqual([]);
    expect(document).toMatchObject({
      '@timestamp': '2026-01-01T12:00:00.123Z',
      message: 'FATAL ERROR: heap out of memory\n',
      service: { name: 'payments' },
    });
    expect(document).not.toHaveProperty('olms');
  });

  test('with a field that the template does not know would be refused', () => {
    const [first] = documents;
    expect(refusals({ ...first, customer: 'x' }, mappings)).toEqual(['customer is not in the mapping']);
    expect(refusals({ ...first, service: 'orders' }, mappings)).toEqual(['service is no object: "orders"']);
    // What a line says twice, as a text and as what holds others, is what the filters are for.
    const unfiltered = JSON.parse(lines()[0]!) as object;
    expect(refusals(unfiltered, mappings).length).toBeGreaterThan(5);
  });
});

test('the template has the lifecycle that the setup makes, with an end', () => {
  const { policy } = JSON.parse(read('lifecycle.json')) as { policy: { phases: Record<string, object> } };
  expect(policy.phases).toMatchObject({
    hot: { actions: { rollover: { max_age: '1d' } } },
    delete: { min_age: '14d', actions: { delete: {} } },
  });
  const setup = read('setup.sh');
  expect(setup).toContain(`PUT /_ilm/policy/${String(settings['index.lifecycle.name'])} @/lifecycle.json`);
  expect(setup).toMatch(/PUT \/_index_template\/\S+ @\/index-template\.json/);
  expect(read('logstash.conf')).toContain('data_stream_dataset => "olms"');
  expect(template.index_patterns).toEqual(['logs-olms-*']);
});

describe('what Kibana is given', () => {
  const objects = read('kibana.ndjson')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SavedObject);
  const isField = (path: string): boolean => {
    let mapping: Mapping | undefined = mappings;
    for (const name of path.split('.')) mapping = mapping?.type === 'flattened' ? mapping : mapping?.properties?.[name];
    return mapping?.type !== undefined;
  };

  test('refers to what is there', () => {
    const ids = new Set(objects.map(({ type, id }) => `${type} ${id}`));
    expect(objects.map(({ type }) => type)).toEqual(['index-pattern', 'search', 'search', 'search', 'dashboard']);
    for (const { references, id } of objects)
      for (const reference of references) expect(ids, id).toContain(`${reference.type} ${reference.id}`);
    const [view] = objects;
    expect(view!.attributes).toMatchObject({ title: template.index_patterns[0], timeFieldName: '@timestamp' });
  });

  test('shows and asks for fields of the template', () => {
    for (const { type, id, attributes } of objects) {
      if (type !== 'search') continue;
      const { columns, kibanaSavedObjectMeta } = attributes as {
        columns: string[];
        kibanaSavedObjectMeta: { searchSourceJSON: string };
      };
      const { query } = JSON.parse(kibanaSavedObjectMeta.searchSourceJSON) as { query: { query: string } };
      const asked = [...query.query.matchAll(/([\w.]+) :/g)].map(([, field]) => field!);
      expect(asked.length, id).toBeGreaterThan(0);
      for (const field of [...columns, ...asked]) expect(isField(field), `${id}: ${field}`).toBe(true);
    }
    expect(isField('labels.customer')).toBe(false);
  });

  test('has each panel of the dashboard by its reference', () => {
    const { attributes, references } = objects.find(({ type }) => type === 'dashboard')!;
    const panels = JSON.parse(attributes['panelsJSON'] as string) as { panelIndex: string; panelRefName: string }[];
    expect(panels.map(({ panelIndex, panelRefName }) => `${panelIndex}:${panelRefName}`)).toEqual(
      references.map(({ name }) => name),
    );
  });
});

test('compose gives every file to the container that reads it', () => {
  const { services } = readYaml('compose.yaml') as { services: Record<string, { volumes?: string[] }> };
  const given = Object.values(services).flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0]!));
  for (const name of [
    'filebeat.yml',
    'logstash.conf',
    'setup.sh',
    'lifecycle.json',
    'index-template.json',
    'kibana-setup.sh',
    'kibana.ndjson',
  ])
    expect(given).toContain(`./compose/logs/${name}`);
});
