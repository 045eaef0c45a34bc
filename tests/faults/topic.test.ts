import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { KcatMessage } from '#dev/brokers/kcat.ts';
import { Faults, type Said, TopicReader } from './topic.ts';

/** Every fault of a topic is recognized: one is made at a time in what is sound. */

const ORDER = '01a211d0-507d-7e93-a30a-df3dfe32b473';
const OTHER = '01a211d0-507d-7e93-a30a-df3dfe32b474';
const SOURCES = { orders: '/olms/orders', inventory: '/olms/inventory' } as const;

interface Event extends Said {
  readonly id: string;
  readonly data: string;
}

const event = (id: string, source: keyof typeof SOURCES, sequence: number, cause: string): Event => {
  const data = `{"of":"${id}"}`;
  const digest = createHash('md5').update(data).digest('hex');
  return { id, order: ORDER, source: SOURCES[source], type: `Type${id}`, sequence, cause, data, digest };
};
const EVENTS = [
  event('a', 'orders', 1, 'a command'),
  event('b', 'inventory', 1, 'a'),
  event('c', 'orders', 2, 'b'),
  event('d', 'orders', 3, 'b'),
];

function faultsOf(messages: readonly (Event & { key?: string; partition?: number })[], outbox = EVENTS): string[] {
  const faults = new Faults();
  const reader = new TopicReader(new Map(outbox.map(({ id, ...said }) => [id, said])), faults);
  messages.forEach(({ id, order, source, type, sequence, cause, data, key = order, partition = 3 }, offset) => {
    const headers = { ce_id: id, ce_subject: order, ce_source: source, ce_type: type };
    const message: KcatMessage = {
      partition,
      offset,
      key,
      headers: { ...headers, ce_sequence: String(sequence), ce_causationid: cause },
      payload: data,
    };
    reader.take(message);
  });
  reader.end();
  return faults.lines();
}

const [A, B, C, D] = EVENTS as [Event, Event, Event, Event];

test('what the outboxes say, with a suffix that is repeated, is sound', () => {
  expect(faultsOf(EVENTS)).toEqual([]);
  expect(faultsOf([A, B, C, B, C, D, D])).toEqual([]);
});

test.each([
  ['in an outbox and not on the topic', [A, B, C]],
  ['a gap in a sequence', [A, B, D, C]],
  ['before its cause', [B, A, C, D]],
  ['the key is not the order id', [A, { ...B, key: OTHER }, C, D]],
  ['an order in two partitions', [A, { ...B, partition: 4 }, C, D]],
  ['not what the outbox says', [A, B, { ...C, data: '{}' }, D]],
  ['not what the outbox says', [A, B, C, { ...C, type: 'Another' }, D]],
  ['on the topic and in no outbox', [A, B, C, D, event('e', 'inventory', 2, 'd')]],
])('%s', (fault, messages) => {
  expect(faultsOf(messages).join('\n')).toContain(fault);
});
