import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { AT_INTERVAL, type DuePoller, type DuePollerOptions, startDuePoller } from './due.ts';

const EVERY_MS = 1_000;

let runs: number[];
let poller: DuePoller;
const startedMs = Date.parse('2026-11-28T12:00:00Z');

beforeEach(() => {
  vi.useFakeTimers({ now: startedMs });
  runs = [];
});

afterEach(async () => {
  await poller.stop();
  vi.useRealTimers();
});

function start(run: DuePollerOptions['run'] = async () => {}, firstDueMs?: number): void {
  poller = startDuePoller({
    name: 'test',
    everyMs: EVERY_MS,
    ...(firstDueMs !== undefined && { firstDueMs }),
    clock: { nowMs: () => Date.now() },
    logger: createLogger('silent'),
    run() {
      runs.push(Date.now() - startedMs);
      return run();
    },
  });
}

test('what is due is looked for at once, and then at the interval', async () => {
  start();
  await vi.advanceTimersByTimeAsync(2_500);
  expect(runs).toEqual([0, 1_000, 2_000]);
});

test('where nothing is due at the start, the first run is at the interval or when a time is reported', async () => {
  start(undefined, AT_INTERVAL);
  await vi.advanceTimersByTimeAsync(100);
  poller.dueAt(startedMs + 5_000);
  poller.dueAt(startedMs + 300);
  poller.dueAt(startedMs + 400);
  await vi.advanceTimersByTimeAsync(1_300);
  expect(runs).toEqual([300, 1_300]);
});

test('a run names the time of the next one', async () => {
  const next = [startedMs + 200, startedMs + 5_000, undefined];
  start(async () => next.shift());
  await vi.advanceTimersByTimeAsync(2_300);
  expect(runs).toEqual([0, 200, 1_200, 2_200]);
});

test('a time reported during a run is for the next one: runs never overlap', async () => {
  start(() => new Promise((resolve) => setTimeout(() => resolve(undefined), 100)));
  await vi.advanceTimersByTimeAsync(50);
  expect(poller.running).toBe(true);
  poller.dueAt(startedMs + 20);
  await vi.advanceTimersByTimeAsync(40);
  expect(runs).toEqual([0]);
  await vi.advanceTimersByTimeAsync(120);
  expect(runs.length).toBe(2);
  expect(runs[1]).toBeGreaterThanOrEqual(100);
});

test('a run that fails is repeated at the interval', async () => {
  start(() => Promise.reject(new Error('away')));
  await vi.advanceTimersByTimeAsync(1_500);
  expect(runs).toEqual([0, 1_000]);
  expect(poller.running).toBe(false);
});

test('it is settled when what is known to be due was done; stopping waits for the run under way', async () => {
  let release = (): void => {};
  start(() => new Promise((resolve) => (release = () => resolve(undefined))), AT_INTERVAL);
  await poller.settled();
  expect(runs).toEqual([]);
  poller.dueAt(startedMs);
  let settled = false;
  const settling = poller.settled().then(() => (settled = true));
  await vi.advanceTimersByTimeAsync(10);
  expect([runs, settled]).toEqual([[0], false]);
  let stopped = false;
  const stopping = poller.stop().then(() => (stopped = true));
  await vi.advanceTimersByTimeAsync(10);
  expect(stopped).toBe(false);
  release();
  await Promise.all([settling, stopping]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(runs).toEqual([0]);
});
