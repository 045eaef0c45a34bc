import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SERVICES } from '#system/services.ts';
import { processSettings } from '#system/settings.ts';
import { DEPLOY, readDocuments } from './files.ts';
import { type Container, faultsOf } from './variables.ts';

/**
 * The chart as rendered for each documented shape (deploy/kubernetes). That these files are what the chart renders, and
 * what schemas and linters say of them: npm run check:deploy.
 */

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef: { readonly name: string; readonly key: string; readonly optional?: boolean };
  };
}
interface Pod {
  readonly terminationGracePeriodSeconds?: number;
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext?: object;
  readonly containers: readonly {
    readonly image: string;
    readonly args?: readonly string[];
    readonly env?: readonly Variable[];
    readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
    readonly securityContext?: object;
    readonly [key: string]: unknown;
  }[];
}
interface Document {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly template?: { readonly spec: Pod }; readonly [key: string]: unknown };
}

/** What the program takes at most: it serves on for its drain, and then has this long to finish. */
const STOP_TIMEOUT_S = processSettings.drainMs.default / 1000 + 25;
const SHAPES = readdirSync(join(DEPLOY, 'kubernetes'));
const documents = (shape: string): Document[] => readDocuments(`kubernetes/${shape}`) as Document[];

const hasSandbox = (shape: string): boolean => shape === 'small.yaml';

/** What stands in the secret, as docs/deploy.md says; optional ones are not there. */
function secretOf(key: string): string {
  if (key.endsWith('_DATABASE_URL')) return `postgres://olms:${'0'.repeat(32)}@db:5432/olms`;
  return key === 'REDIS_URL' ? 'redis://:secret@redis:6379' : '0'.repeat(32);
}

function podsOf(shape: string): { readonly name: string; readonly pod: Pod }[] {
  return documents(shape).flatMap(({ kind, metadata, spec }) =>
    spec?.template ? [{ name: `${shape} ${kind} ${metadata.name}`, pod: spec.template.spec }] : [],
  );
}

function containersOf(shape: string): Container[] {
  return podsOf(shape).flatMap(({ name, pod }) =>
    pod.containers
      .filter(({ args = [] }) => ['start', 'migrate'].includes(args[0]!))
      .map(({ args = [], env = [] }) => ({
        name,
        command: args,
        without: hasSandbox(shape) ? [] : ['sandbox'],
        env: Object.fromEntries(
          env.flatMap(({ name: variable, value, valueFrom }) => {
            if (!valueFrom) return [[variable, value!]];
            const { secretKeyRef } = valueFrom;
            return secretKeyRef.optional ? [] : [[variable, secretOf(secretKeyRef.key)]];
          }),
        ),
      })),
  );
}

test('every shape that has values is rendered, and there are three', () => {
  expect(SHAPES.toSorted()).toEqual(readdirSync(join(DEPLOY, 'chart/values')).toSorted());
  expect(SHAPES.length).toBe(3);
});

describe.each(SHAPES)('%s', (shape) => {
  test('starts every process with the settings it needs, and no other', () => {
    const containers = containersOf(shape);
    expect(containers.flatMap(faultsOf)).toEqual([]);
    const started = containers.flatMap(({ command }) => (command[0] === 'start' ? command.slice(1) : []));
    const services = SERVICES.filter(({ name }) => name !== 'sandbox' || hasSandbox(shape));
    expect(started.toSorted()).toEqual(services.map(({ name }) => name).toSorted());
    expect(containers.length).toBe(started.length + 1);
  });

  test('gives each service its own database, out of the secret', () => {
    for (const { name, pod } of podsOf(shape))
      for (const { args = [], env = [] } of pod.containers) {
        if (args[0] !== 'start') continue;
        const keys = env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef.key ?? []);
        expect(
          keys.filter((key) => key.endsWith('DATABASE_URL')),
          name,
        ).toEqual([`${args[1]!.toUpperCase()}_DATABASE_URL`]);
        for (const { name: variable, value } of env)
          if (/SECRET|PASSWORD|TOKEN|_KEY$|DATABASE_URL/.test(variable)) expect(value, variable).toBeUndefined();
      }
  });

  test('runs by the restricted level, from images of a version', () => {
    for (const { name, pod } of podsOf(shape)) {
      expect(pod, name).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const { image, securityContext, resources } of pod.containers) {
        expect(image, name).toMatch(/^[a-z0-9./-]+(:\d[\w.-]*|:[\w.-]+@sha256:[0-9a-f]{64})$/);
        expect(resources, name).toMatchObject({
          limits: { memory: expect.any(String) },
          requests: { cpu: expect.any(String) },
        });
        expect(securityContext, name).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });

  test('gives a process longer to end than it takes', () => {
    for (const { name, pod } of podsOf(shape))
      for (const { args = [], lifecycle } of pod.containers)
        if (args[0] === 'start')
          expect(pod.terminationGracePeriodSeconds!, name).toBeGreaterThan(
            lifecycle!.preStop.sleep.seconds + STOP_TIMEOUT_S,
          );
  });

  test('never has more processes of a reader than there are partitions', () => {
    const partitions = Number(containersOf(shape)[0]!.env['KAFKA_PARTITIONS'] ?? 12);
    for (const { kind, spec, metadata } of documents(shape))
      if (kind === 'ScaledObject') expect(spec['maxReplicaCount'], metadata.name).toBeLessThanOrEqual(partitions);
  });
});
