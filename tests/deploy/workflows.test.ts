import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from './files.ts';

/** The workflows: what they may do, and that they run nothing which is not pinned. `npm run check:deploy` has them linted. */

interface Step {
  readonly uses?: string;
  readonly run?: string;
}
interface Workflow {
  readonly permissions: unknown;
  readonly jobs: Readonly<
    Record<string, { readonly 'timeout-minutes'?: number; readonly uses?: string; readonly steps?: readonly Step[] }>
  >;
}

const FOLDER = join(ROOT, '.github/workflows');
const FILES = readdirSync(FOLDER);
const textOf = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');
const read = (file: string): Workflow => parse(textOf(file)) as Workflow;
const stepsOf = (file: string): readonly Step[] => Object.values(read(file).jobs).flatMap(({ steps = [] }) => steps);
const scripts = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
  .scripts;

describe.each(FILES)('%s', (file) => {
  test('runs actions by their commit, with the version beside it', () => {
    for (const line of textOf(file)
      .split('\n')
      .filter((text) => /^\s*(- )?uses: (?!\.\/)/.test(text)))
      expect(line).toMatch(/uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('may only read unless a job says more, and every job has an end', () => {
    expect(read(file).permissions).toEqual({ contents: 'read' });
    for (const [name, job] of Object.entries(read(file).jobs))
      if (!job.uses) expect(job['timeout-minutes'], name).toBeGreaterThan(0);
  });

  test('puts no value of an event into a script', () => {
    for (const { run = '' } of stepsOf(file)) expect(run).not.toContain('${{');
  });
});

test('a change is checked by the commands of a developer, and scripts that are named exist', () => {
  const runs = stepsOf('ci.yml').map(({ run }) => run);
  expect(runs).toEqual(expect.arrayContaining(['npm run check', 'npm test', 'npm run check:deploy']));
  const named = FILES.flatMap((file) => [...textOf(file).matchAll(/npm run ([a-z][\w:-]*)/g)].map(([, name]) => name!));
  const nightly = (parse(textOf('nightly.yml')) as { jobs: { long: { strategy: { matrix: { run: string[] } } } } }).jobs
    .long;
  for (const name of [...named, ...nightly.strategy.matrix.run]) expect(scripts, name).toHaveProperty(name);
});
