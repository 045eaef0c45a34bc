import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { refuse } from '#contracts/errors.ts';
import { until } from '#tests/support/until.ts';
import { logCommands, logEvents } from './event-lines.ts';
import { createLogger, type Logger, type LoggerOptions, loggerOf, setLogLevel } from './logger.ts';

/** A logger, and the lines that it wrote. */
function kept(
  level: string,
  options: LoggerOptions = {},
): { logger: Logger; lines: () => Record<string, unknown>[]; text: () => string } {
  const written: string[] = [];
  const logger = createLogger(level, { ...options, destination: { write: (line) => void written.push(line) } });
  return {
    logger,
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
    text: () => written.join(''),
  };
}

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const CAUSE = { correlationid: 'checkout-1', traceparent: TRACEPARENT };

function event(type: string): Envelope {
  return {
    id: '01890a5d-ac96-774b-bcce-b302099a8057',
    source: '/olms/orders',
    type,
    subject: '01890a5d-ac96-774b-bcce-b302099a8058',
    sequence: 3,
    time: '2026-01-01T00:00:00Z',
    causationid: 'cause',
    ...CAUSE,
    data: { contact: { email: 'canary@example.com' } },
  };
}

describe('a line', () => {
  test('of an event has what it is found by, by our names and by those of the Elastic Common Schema', () => {
    const { logger, lines, text } = kept('info');
    logEvents(loggerOf(logger, 'orders'), [event('OrderPaid')], 12.5);
    expect(lines()).toEqual([
      {
        level: 'info',
        'log.level': 'info',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        '@timestamp': lines()[0]!['timestamp'],
        pid: process.pid,
        service: 'orders',
        'service.name': 'orders',
        event: 'OrderPaid',
        'event.action': 'OrderPaid',
        eventId: '01890a5d-ac96-774b-bcce-b302099a8057',
        sequence: 3,
        orderId: '01890a5d-ac96-774b-bcce-b302099a8058',
        'labels.order_id': '01890a5d-ac96-774b-bcce-b302099a8058',
        correlationId: 'checkout-1',
        'labels.correlation_id': 'checkout-1',
        traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
        'trace.id': '4bf92f3577b34da6a3ce929d0e0e4736',
        spanId: '00f067aa0ba902b7',
        'span.id': '00f067aa0ba902b7',
        durationMs: 12.5,
        'event.duration': 12_500_000,
        message: 'OrderPaid',
      },
    ]);
    expect(text()).not.toContain('canary');
  });

  test('of a command says how it was decided, and nothing that came with it', () => {
    const { logger, lines, text } = kept('info');
    const request = { orderId: 'o-1', command: { type: 'cancel', reason: 'canary' }, cause: CAUSE };
    logCommands(
      logger,
      [
        { request, answer: {} },
        { request, answer: refuse('ACTION_NOT_ALLOWED', 'canary') },
        { request, error: new Error('canary') },
      ],
      1,
    );
    expect(lines().map(({ message, outcome, code }) => ({ message, outcome, code }))).toEqual([
      { message: 'command cancel done', outcome: 'done', code: undefined },
      { message: 'command cancel refused', outcome: 'refused', code: 'ACTION_NOT_ALLOWED' },
      { message: 'command cancel failed', outcome: 'failed', code: undefined },
    ]);
    expect(text()).not.toContain('canary');
  });

  test('shows no personal data and no secret, even where somebody passes them', () => {
    const { logger, text } = kept('info');
    const secret = { email: 'canary', phone: 'canary', token: 'canary', password: 'canary', authorization: 'canary' };
    logger.warn({ ...secret, order: secret, contact: { city: 'canary' }, shippingAddress: { city: 'canary' } }, 'oops');
    expect(text()).toContain('[redacted]');
    expect(text()).not.toContain('canary');
  });

  test('for people is short, and has the message and the fields', async () => {
    const written: string[] = [];
    const destination = new Writable({
      write(chunk, _encoding, done) {
        written.push(String(chunk));
        done();
      },
    });
    const logger = createLogger('info', { pretty: true, destination });
    loggerOf(logger, 'orders').info({ orderId: 'o-1' }, 'taken');
    await until('the line', () => written.length > 0);
    const text = written.join('');
    expect(text).toContain('taken');
    expect(text).toContain('o-1');
    expect(text).not.toMatch(/log\.level|@timestamp|labels|service\.name/);
  });
});

test('above a rate lines of events are counted instead of written, and no other line is', () => {
  const { logger, lines } = kept('info', { eventsPerSecond: 5 });
  const second = Math.floor(Date.now() / 1_000);
  logEvents(
    logger,
    Array.from({ length: 50 }, () => event('OrderPaid')),
    1,
  );
  logger.info('something else');
  const written = lines();
  expect(written.at(-1)!['message']).toBe('something else');
  // The clock may have gone on to the next second meanwhile.
  const seconds = Math.floor(Date.now() / 1_000) - second + 1;
  expect(written.length - 1).toBeLessThanOrEqual(5 * seconds);
  expect(written.length - 1).toBeGreaterThanOrEqual(5);
});

test('what was left out is counted in the next line', async () => {
  const { logger, lines } = kept('info', { eventsPerSecond: 1 });
  logEvents(
    logger,
    Array.from({ length: 10 }, () => event('OrderPaid')),
    1,
  );
  const left = 10 - lines().length;
  const second = Math.floor(Date.now() / 1_000);
  while (Math.floor(Date.now() / 1_000) === second) await new Promise((resolve) => setTimeout(resolve, 20));
  logEvents(logger, [event('OrderShipped')], 1);
  const counted = lines().reduce((sum, { skippedLines = 0 }) => sum + (skippedLines as number), 0);
  expect(counted).toBe(left);
});

test('the level changes for all that came of a logger', () => {
  const { logger, lines } = kept('warn');
  const child = logger.child({ service: 'orders' });
  const grandchild = child.child({ part: 'intake' });
  for (const one of [logger, child, grandchild]) one.info('quiet');
  setLogLevel(logger, 'info');
  for (const one of [logger, child, grandchild]) one.info('loud');
  setLogLevel(logger, 'warn');
  for (const one of [logger, child, grandchild]) one.info('quiet');
  expect(lines().map(({ message }) => message)).toEqual(['loud', 'loud', 'loud']);
});
