import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { changeLevelOnSignal } from './log-level.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a signal makes everything be logged for ten minutes, and one more ends that', () => {
  const logger = createLogger('warn', { destination: { write: () => {} } });
  const child = logger.child({ service: 'orders' });
  const stop = changeLevelOnSignal(logger);
  try {
    const levels = (): string[] => [logger.level, child.level];
    process.emit('SIGUSR2');
    expect(levels()).toEqual(['debug', 'debug']);
    process.emit('SIGUSR2');
    expect(levels()).toEqual(['warn', 'warn']);
    process.emit('SIGUSR2');
    vi.advanceTimersByTime(9 * 60_000);
    expect(levels()).toEqual(['debug', 'debug']);
    vi.advanceTimersByTime(60_000);
    expect(levels()).toEqual(['warn', 'warn']);
  } finally {
    stop();
  }
  expect(process.listenerCount('SIGUSR2')).toBe(0);
});
