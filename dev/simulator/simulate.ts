import type { Faults } from './faults.ts';
import { runStory, type StoryResult } from './story.ts';

/** Many stories, one after another, on one core. Story `i` of a run has the seed `seed + i`. */

export interface SimulationOptions {
  readonly seed: number;
  readonly stories: number;
  readonly faults?: Faults;
  /** Called now and then. */
  readonly onProgress?: (done: number, result: StoryResult) => void;
}

export interface Simulation {
  readonly seed: number;
  readonly stories: number;
  readonly seconds: number;
  readonly storiesPerMinute: number;
  /** By the time the processor spent, whatever else it had to do meanwhile. */
  readonly storiesPerCpuMinute: number;
  readonly events: number;
  readonly eventTypes: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<string, number>>;
  readonly troubles: Readonly<Record<string, number>>;
  /** The first story that failed, played once more with its trace. */
  readonly failure?: { readonly seed: number; readonly reason: string; readonly trace: readonly string[] };
}

export function runStories({ seed, stories, faults, onProgress }: SimulationOptions): Simulation {
  const startedMs = performance.now();
  const startedCpu = process.cpuUsage();
  const eventTypes: Record<string, number> = {};
  const statuses: Record<string, number> = {};
  const troubles: Record<string, number> = { conflicts: 0, repeated: 0 };
  const count = (counts: Record<string, number>, name: string, by = 1): unknown =>
    (counts[name] = (counts[name] ?? 0) + by);
  let events = 0;
  let done = 0;
  let failure: Simulation['failure'];
  while (done < stories && !failure) {
    const storySeed = (seed + done) >>> 0;
    const result = runStory({ seed: storySeed, ...(faults && { faults }) });
    done++;
    events += result.events.length;
    for (const event of result.events) count(eventTypes, event.type);
    for (const status of result.statuses) count(statuses, status);
    for (const [name, times] of Object.entries(result.troubles)) count(troubles, name, times);
    count(troubles, 'conflicts', result.conflicts);
    count(troubles, 'repeated', result.repeated);
    if (result.failure !== undefined) {
      const { trace } = runStory({ seed: storySeed, trace: true, ...(faults && { faults }) });
      failure = { seed: storySeed, reason: result.failure, trace };
    }
    onProgress?.(done, result);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const cpu = process.cpuUsage(startedCpu);
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  return {
    seed,
    stories: done,
    seconds,
    storiesPerMinute: Math.round((done / seconds) * 60),
    storiesPerCpuMinute: Math.round((done / cpuSeconds) * 60),
    events,
    eventTypes,
    statuses,
    troubles,
    ...(failure && { failure }),
  };
}
