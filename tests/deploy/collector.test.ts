import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { DEPLOY, readYaml, ROOT } from './files.ts';

/** The collector of traces: `npm run jaeger` runs it; here is what can be known without. */

interface Pipeline {
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}
interface Config {
  readonly receivers: object;
  readonly processors: Readonly<Record<string, { readonly policies?: readonly Readonly<Record<string, unknown>>[] }>>;
  readonly exporters: object;
  readonly service: { readonly pipelines: Readonly<Record<string, Pipeline>> };
}

const FILE = join(DEPLOY, 'observability/collector.yaml');
const config = parse(readFileSync(FILE, 'utf8')) as Config;

describe('the collector of traces', () => {
  test('has in its pipelines what it declares, and declares nothing else', () => {
    const { pipelines } = config.service;
    for (const kind of ['receivers', 'processors', 'exporters'] as const)
      expect(
        Object.values(pipelines)
          .flatMap((pipeline) => pipeline[kind])
          .toSorted(),
      ).toEqual(Object.keys(config[kind]).toSorted());
    // Memory is bounded before anything is kept, and batches are of what is left.
    expect(pipelines['traces']!.processors).toEqual(['memory_limiter', 'tail_sampling', 'batch']);
  });

  test('keeps what failed, what was slow, and a share of the rest', () => {
    const policies = config.processors['tail_sampling']!.policies!;
    expect(policies.map(({ type }) => type)).toEqual(['status_code', 'latency', 'probabilistic']);
    // A policy has its settings under the name of its type.
    for (const policy of policies) expect(policy).toHaveProperty(String(policy['type']));
  });

  test('is what compose mounts and the chart offers', () => {
    const { services } = readYaml('compose.yaml') as {
      services: Record<string, { volumes: string[]; environment: Record<string, string> }>;
    };
    const { volumes, environment } = services['collector']!;
    expect(volumes).toEqual(['./observability/collector.yaml:/etc/otelcol/config.yaml:ro']);
    const variables = [...readFileSync(FILE, 'utf8').matchAll(/\$\{env:(\w+)(:-[^}]*)?\}/g)];
    expect(variables.length).toBeGreaterThan(1);
    // Each has a default, or compose sets it.
    for (const [, name, fallback] of variables) expect(fallback !== undefined || name! in environment, name).toBe(true);
    const inChart = join(ROOT, 'deploy/chart/olms/observability/collector.yaml');
    expect(readFileSync(inChart, 'utf8')).toBe(readFileSync(FILE, 'utf8'));
    const template = readFileSync(join(ROOT, 'deploy/chart/olms/templates/release.yaml'), 'utf8');
    expect(template).toContain('.Files.Get "observability/collector.yaml"');
  });
});
