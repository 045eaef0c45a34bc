import { describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { refuse } from '#contracts/errors.ts';
import type { EventData } from '#contracts/order-events.ts';
import { ignore, type Outcome, type Row, type Rules, type Shared } from './aggregate.ts';
import { type CommandRequest, decideBatch, type LeftOut, NOTHING_LEFT_OUT, type Plan } from './batch.ts';
import { Remembered, splitChanges } from './rows.ts';

/** The smallest service with a shared value: it numbers what it is given from one counter. */

type State = readonly string[];
type Add = { readonly type: 'add' | 'refuse' | 'throw' | 'nothing' };

const COUNTER = 'counter';

function numbered(state: State | undefined, shared: Shared<number>): Outcome<State, string, number> {
  const number = (shared.get(COUNTER) ?? 0) + 1;
  const data = { invoiceNumber: String(number), totalAmount: '0', currency: 'EUR' };
  return {
    state: [...(state ?? []), String(number)],
    events: [{ type: 'InvoiceIssued', data }],
    shared: new Map([[COUNTER, number]]),
    effects: [`print ${number}`],
  };
}

/** Takes a number, and then something goes wrong. */
function numberedInVain(state: State | undefined, shared: Shared<number>): never {
  const { shared: changed } = numbered(state, shared);
  // A rule that does not keep to its type must not get through either.
  (shared as Partial<Map<string, number>>).set?.(COUNTER, changed!.get(COUNTER)!);
  throw new Error('too late');
}

const rules: Rules<State, Add, string, number> = {
  source: '/olms/billing',
  consumes: ['OrderAmended'],
  react(event, state, { shared }) {
    const { reference } = event.data as EventData<'OrderAmended'>;
    if (reference === 'ignore') return ignore('it says so');
    return reference === 'throw' ? numberedInVain(state, shared) : numbered(state, shared);
  },
  decide({ type }, state, { shared }) {
    if (type === 'throw') return numberedInVain(state, shared);
    const outcome = numbered(state, shared);
    if (type === 'refuse') return { ...outcome, ...refuse('ACTION_NOT_ALLOWED', 'enough') };
    return type === 'nothing' ? { state, events: [] } : outcome;
  },
};

const cause = { causationid: 'cause', correlationid: 'cause' };

function amended(orderId: string, sequence: number, reference = ''): Envelope {
  const id = `${orderId}${sequence}`;
  const data = { reference };
  return { id, source: '/olms/orders', type: 'OrderAmended', subject: orderId, sequence, time: '', ...cause, data };
}

function request(orderId: string, type: Add['type'], more: Partial<CommandRequest<Add>> = {}): CommandRequest<Add> {
  return { orderId, command: { type }, cause, ...more };
}

function row(id: string, more: Partial<Row<State>> = {}): Row<State> {
  return { id, revision: 1, sequence: 1, consumed: {}, state: ['1'], ...more };
}

function decide(
  { events = [], commands = [] }: { events?: Envelope[]; commands?: CommandRequest<Add>[] },
  rows: readonly Row<State>[] = [],
  leftOut: LeftOut = NOTHING_LEFT_OUT,
): Plan<State, string, number, CommandRequest<Add>> {
  let ids = 0;
  return decideBatch(
    rules,
    { events, commands },
    new Map(rows.map((each) => [each.id, each])),
    new Map([[COUNTER, 10]]),
    { nowMs: 0, newId: () => `id-${++ids}` },
    leftOut,
  );
}

describe('a batch', () => {
  test('folds events first, then commands, and saves each row once, one revision on', () => {
    const stored = row('a', { revision: 7 });
    const plan = decide(
      { events: [amended('a', 1), amended('b', 1), amended('a', 2)], commands: [request('a', 'add')] },
      [stored],
    );
    expect(plan.changes).toEqual([
      {
        before: stored,
        after: { id: 'a', revision: 8, sequence: 4, consumed: { '/olms/orders': 2 }, state: ['1', '11', '13', '14'] },
      },
      {
        before: { id: 'b', revision: 0, sequence: 0, consumed: {}, state: undefined },
        after: { id: 'b', revision: 1, sequence: 1, consumed: { '/olms/orders': 1 }, state: ['12'] },
      },
    ]);
    expect(plan.events.map(({ id, subject, sequence }) => [id, subject, sequence])).toEqual([
      ['id-1', 'a', 2],
      ['id-2', 'b', 1],
      ['id-3', 'a', 3],
      ['id-4', 'a', 4],
    ]);
    expect(plan.effects).toEqual(['print 11', 'print 12', 'print 13', 'print 14']);
  });

  test('names what changes nothing, and why', () => {
    const stored = row('a', { consumed: { '/olms/orders': 1 } });
    const plan = decide({ events: [amended('a', 1), amended('a', 2, 'ignore'), amended('b', 1, 'ignore')] }, [stored]);
    expect(plan.ignored.map(({ event, because }) => [event.id, because])).toEqual([
      ['a1', 'duplicate'],
      ['a2', 'it says so'],
      ['b1', 'it says so'],
    ]);
    // A stored row remembers what it ignored; nothing is stored for the sake of an ignored event.
    expect(plan.changes.map(({ after }) => [after.id, after.consumed])).toEqual([['a', { '/olms/orders': 2 }]]);
    expect(plan.withoutWrite).toEqual([]);
  });

  test('parks the order of an event the rules throw on; what follows queues behind it, others go on', () => {
    const plan = decide({
      events: [amended('a', 1), amended('a', 2, 'throw'), amended('a', 3), amended('b', 1)],
    });
    expect(plan.parked.map(({ event, reason }) => [event.id, reason])).toEqual([
      ['a2', 'too late'],
      ['a3', null],
    ]);
    expect(plan.parked.map(({ error }) => error instanceof Error)).toEqual([true, false]);
    expect(plan.changes.map(({ after }) => [after.id, after.state])).toEqual([
      ['a', ['11']],
      ['b', ['12']],
    ]);
  });

  test('leaves parked orders and skipped events out', () => {
    const leftOut = { parked: new Set(['a']), skipped: new Set(['b1']) };
    const plan = decide({ events: [amended('a', 1), amended('b', 1), amended('b', 2)] }, [], leftOut);
    expect(plan.parked).toEqual([{ event: amended('a', 1), reason: null }]);
    expect(plan.changes.map(({ after }) => [after.id, after.consumed])).toEqual([['b', { '/olms/orders': 2 }]]);
  });

  test('answers each command with its row and events, a refusal, or what the rules threw', () => {
    const idempotency = { key: 'k', requestHash: 'h' };
    const plan = decide(
      {
        commands: [
          request('a', 'add', { expectedSequence: 1, idempotency }),
          request('a', 'add', { expectedSequence: 1, idempotency: { key: 'l', requestHash: 'h' } }),
          request('b', 'refuse'),
          request('b', 'throw'),
          request('b', 'nothing'),
        ],
      },
      [row('a')],
    );
    expect(plan.answers).toMatchObject([
      { answer: { row: { state: ['1', '11'], sequence: 2 }, events: [{ type: 'InvoiceIssued' }] } },
      { answer: { refused: 'VERSION_MISMATCH' } },
      { answer: { refused: 'ACTION_NOT_ALLOWED' } },
      { error: new Error('too late') },
      { answer: { row: { id: 'b', state: undefined }, events: [] } },
    ]);
    expect(plan.keys).toEqual([{ ...idempotency, answer: { orderId: 'a', sequence: 2 } }]);
    // Of the second command on `a` the write of the first shows whether its row was the stored one; it is named all the same.
    expect(plan.withoutWrite).toEqual(['a', 'b', 'b', 'b']);
  });
});

describe('a shared value', () => {
  test('changes for what is decided next, and once for the batch', () => {
    const plan = decide({ events: [amended('a', 1), amended('b', 1)], commands: [request('c', 'add')] });
    expect(plan.changes.map(({ after }) => after.state)).toEqual([['11'], ['12'], ['13']]);
    expect(plan.shared).toEqual([{ key: COUNTER, before: 10, after: 13 }]);
  });

  test.each([
    ['an event on which the rules throw', { events: [amended('a', 1, 'throw')] }],
    ['a command on which the rules throw', { commands: [request('a', 'throw')] }],
    ['a command that the rules refuse', { commands: [request('a', 'refuse')] }],
  ])('is not changed by %s', (_, batch) => {
    const alone = decide(batch);
    expect([alone.shared, alone.changes, alone.events, alone.effects]).toEqual([[], [], [], []]);
    // Nor does what is decided after it see a change.
    const { commands = [], events = [] } = batch as { events?: Envelope[]; commands?: CommandRequest<Add>[] };
    const plan = decide({ events: [...events, amended('b', 1)], commands: [...commands, request('c', 'add')] });
    expect(plan.changes.map(({ after }) => [after.id, after.state])).toEqual([
      ['b', ['11']],
      ['c', ['12']],
    ]);
    expect(plan.shared).toEqual([{ key: COUNTER, before: 10, after: 12 }]);
  });
});

describe('what is remembered between batches', () => {
  const events = [amended('new', 1, 'throw'), amended('old', 1, 'throw')];
  const options = { soleWriter: false, keepShared: true, opensWith: ['OrderAmended'] };
  const batch = { events, commands: [request('read', 'nothing')] };

  test.each([
    ['is in doubt where others write', false, ['new', 'old']],
    ['is the stored one for a sole writer, unless it was taken to be absent', true, ['new']],
  ])('of a row decided without a write %s', (_, soleWriter, doubtful) => {
    const remembered = new Remembered<State, number>({ ...options, soleWriter });
    remembered.addRows([row('old')]);
    const loaded = remembered.load(batch, true);
    expect(loaded.missing).toEqual(['read']);
    const plan = decide(batch, [...loaded.rows.values()]);
    expect(plan.withoutWrite).toEqual(['new', 'old', 'read']);
    expect(remembered.doubtful(plan, loaded)).toEqual(doubtful);
    expect(remembered.load(batch, false).missing).toEqual(['new', 'read']);
  });

  test('of shared values is nothing where they were changed outside while the batch was under way', () => {
    const remembered = new Remembered<State, number>(options);
    const sharedKeys = (): string[] => [COUNTER];
    const counted = { events: [amended('a', 1)], commands: [] };
    const save = (overtaken: boolean): string[] => {
      const loaded = remembered.load(counted, false);
      const absent = remembered.loadShared(counted, loaded, sharedKeys);
      for (const key of absent) loaded.values.set(key, 10);
      if (overtaken) remembered.forgetShared(['another']);
      remembered.keep(loaded, decide(counted));
      return absent;
    };
    expect([save(false), save(false), save(true), save(false)]).toEqual([[COUNTER], [], [], [COUNTER]]);
  });

  test('is split into rows to insert and rows to update', () => {
    const { changes } = decide({ events: [amended('a', 1), amended('b', 1)] }, [row('b')]);
    expect(splitChanges(changes, ({ id }) => id)).toEqual({ added: ['a'], changed: ['b'] });
  });
});
