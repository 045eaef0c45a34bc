import type { Simulation } from './simulate.ts';

/** `olms simulate`: random stories about the services' own rules, each replayed by its seed. Not part of the image: the stories stand with the tests. */

export interface SimulateOptions {
  readonly seed?: string | undefined;
  readonly stories?: string | undefined;
  readonly json?: boolean | undefined;
}

const STORIES_DEFAULT = 10_000;
const PROGRESS_EVERY = 1_000;

/** A number from the command line, or a refusal in words. */
function numberOf(option: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${option} must be a whole number, not "${text}".`);
  return value;
}

/** Runs stories until one fails or all have been played. A failure ends with exit code 1 and the whole trace. */
export async function simulate(options: SimulateOptions): Promise<void> {
  const { runStories } = await import('./simulate.ts');
  const seed = numberOf('seed', options.seed, Date.now() % 0x1_0000_0000) >>> 0;
  const stories = numberOf('stories', options.stories, STORIES_DEFAULT);
  const progress = process.stderr.isTTY && !options.json;
  const result = runStories({
    seed,
    stories,
    ...(progress && {
      onProgress: (done: number) =>
        void (done % PROGRESS_EVERY === 0 && process.stderr.write(`\r${done} of ${stories} stories`)),
    }),
  });
  if (progress) process.stderr.write('\r\u001b[K');
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : textOf(result));
  if (result.failure) process.exitCode = 1;
}

function textOf({
  seed,
  stories,
  seconds,
  storiesPerMinute,
  storiesPerCpuMinute,
  events,
  statuses,
  troubles,
  failure,
}: Simulation): string {
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const lines = [
    `seed ${seed}: ${stories} stories, ${events} events in ${seconds.toFixed(1)} s (${storiesPerMinute} stories a minute, ${storiesPerCpuMinute} a minute of one core)`,
    `orders: ${list(statuses)}`,
    `trouble: ${list(troubles)}`,
  ];
  if (failure)
    lines.push(
      '',
      ...failure.trace,
      '',
      `Story ${failure.seed} failed: ${failure.reason}`,
      `Again: olms simulate --seed ${failure.seed} --stories 1`,
    );
  else lines.push('Every order ended, and stock and money balance.');
  return `${lines.join('\n')}\n`;
}
