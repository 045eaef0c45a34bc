import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/**
 * JSON schemas of Kubernetes and of the custom resources that the chart uses, for `kubeconform -strict`: made from what
 * their own modules say of them, so that nothing has to be fetched from a website, and strict: a field that is not in the
 * schema is refused.
 */

type Schema = Record<string, unknown>;

/** Where kubeconform looks for the schema of a document; `KindSuffix` is the group and version. */
export const SCHEMA_FILES = '{{.ResourceKind}}{{.KindSuffix}}.json';

const DEFINITIONS = '_definitions.json';
/** Said by a format, or written as number and as text. */
const NUMBER_OR_TEXT = new Set([
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  'io.k8s.apimachinery.pkg.api.resource.Quantity',
]);

/** No field beyond those named, wherever fields are named. */
function strict(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strict);
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      // Names of fields are no keywords: a field may be called `properties` or `required`.
      key === 'properties'
        ? mapped(item as Schema, strict)
        : key === '$ref'
          ? `${DEFINITIONS}${String(item)}`
          : strict(item),
    ]),
  );
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in schema;
  if (schema['x-kubernetes-int-or-string'] === true) return { type: ['string', 'integer'] };
  return schema['properties'] !== undefined && !open ? { ...schema, additionalProperties: false } : schema;
}

function mapped(record: Schema, change: (value: unknown) => unknown): Schema {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

function fileOf({ group, version, kind }: GroupVersionKind): string {
  const prefix = group === '' ? '' : `-${group.split('.')[0]}`;
  return `${kind}${prefix}-${version}.json`.toLowerCase();
}

/** Writes the schemas of a Kubernetes module; returns how many kinds there are. */
export function writeKubernetesSchemas(module: string, folder: string): number {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { definitions } = JSON.parse(readFileSync(join(module, 'api/openapi-spec/swagger.json'), 'utf8')) as {
    definitions: Record<string, Schema & { 'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[] }>;
  };
  const made = Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => [
      name,
      NUMBER_OR_TEXT.has(name) ? { type: ['string', 'number'] } : withinFile(strict(definition)),
    ]),
  );
  writeFileSync(join(folder, DEFINITIONS), JSON.stringify({ definitions: made }));
  let count = 0;
  for (const [name, definition] of Object.entries(definitions))
    for (const kind of definition['x-kubernetes-group-version-kind'] ?? []) {
      writeFileSync(join(folder, fileOf(kind)), JSON.stringify({ $ref: `${DEFINITIONS}#/definitions/${name}` }));
      count++;
    }
  return count;
}

/** References of definitions to each other stay in their file. */
function withinFile(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll(`"$ref":"${DEFINITIONS}#`, '"$ref":"#'));
}

interface CustomResource {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** Adds the schemas of a custom resource to a folder. */
export function writeCustomSchema(definition: string, folder: string): void {
  const { spec } = parse(readFileSync(definition, 'utf8')) as CustomResource;
  for (const { name: version, schema } of spec.versions) {
    const { properties, ...rest } = strict(schema.openAPIV3Schema) as { properties: Schema };
    const whole = { ...rest, properties: { ...properties, metadata: { type: 'object' } } };
    const kind = { group: spec.group, version, kind: spec.names.kind };
    writeFileSync(join(folder, fileOf(kind)), JSON.stringify(whole));
  }
}
