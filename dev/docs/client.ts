import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'oxfmt';
import { isObject, type Json, type JsonObject } from './json.ts';

/**
 * The TypeScript client of the API, from its OpenAPI document: a type per schema, a method per operation. It is
 * written twice, for `src` and for the package, because neither may reach into the other's folder.
 */

const FOLDERS = ['src/client', 'clients/typescript/src'] as const;
/** Written by hand in the first folder and copied to the second. */
const BY_HAND = 'core.ts';
const HEADER = '// Written by `bin/olms docs` from the OpenAPI document of the API. Do not edit.\n\n';
/** Names that mean something else in the client: there, a Problem is an error that is thrown. */
const RENAMED: Readonly<Record<string, string>> = { Problem: 'ProblemDetails' };
/** What the client says itself, or what would answer without a body. */
const OWN_HEADERS = new Set(['Idempotency-Key', 'If-None-Match']);
const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

/** The files of the client by path. */
export async function clientFiles(document: Json, root: string): Promise<[path: string, text: string][]> {
  const schemas = at(document, 'components', 'schemas');
  const types = await formatted('types.ts', `${HEADER}${typesOf(schemas)}`);
  const client = await formatted('client.ts', `${HEADER}${clientOf(document, Object.keys(schemas).map(typeName))}`);
  const core = readFileSync(join(root, FOLDERS[0], BY_HAND), 'utf8');
  return FOLDERS.flatMap((folder, copy): [string, string][] => [
    [`${folder}/types.ts`, types],
    [`${folder}/client.ts`, client],
    ...(copy > 0 ? [[`${folder}/${BY_HAND}`, core] as [string, string]] : []),
  ]);
}

async function formatted(name: string, text: string): Promise<string> {
  const { code, errors } = await format(name, text, { printWidth: 120, singleQuote: true });
  if (errors.length > 0) throw new Error(`The client that was made is no TypeScript: ${errors[0]!.message}`);
  return code;
}

function at(value: Json | undefined, ...path: string[]): JsonObject {
  let found = value;
  for (const name of path) found = isObject(found) ? found[name] : undefined;
  return isObject(found) ? found : {};
}

const typeName = (name: string): string => RENAMED[name] ?? name;
const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
const listOf = (value: Json | undefined): readonly JsonObject[] => (isList(value) ? value.filter(isObject) : []);
const unionOf = (types: readonly string[]): string => [...new Set(types)].join(' | ') || 'never';
const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

function comment(text: Json | undefined): string {
  return typeof text === 'string' ? `/** ${text.replaceAll('*/', '* /').replaceAll('\n', '\n * ')} */\n` : '';
}

// Types --------------------------------------------------------------------------------------------------

function typesOf(schemas: JsonObject): string {
  return Object.entries(schemas)
    .map(
      ([name, schema]) =>
        `${comment(at(schema)['description'])}export type ${typeName(name)} = ${typeOf(at(schema))};\n`,
    )
    .join('\n');
}

/** The TypeScript of a schema. What only narrows values (patterns, lengths) has no type. */
function typeOf(schema: JsonObject): string {
  const { $ref: ref, enum: values, type, items } = schema;
  if (typeof ref === 'string') return typeName(ref.split('/').at(-1)!);
  if (isList(values)) return unionOf(values.map((value) => JSON.stringify(value)));
  if ('const' in schema) return JSON.stringify(schema['const']);
  if (type === 'object') return objectOf(schema);
  const choices = listOf(schema['anyOf'] ?? schema['oneOf']);
  if (choices.length > 0) return unionOf(choices.map(typeOf));
  if (isList(schema['allOf'])) return listOf(schema['allOf']).map(typeOf).join(' & ');
  if (isList(type)) return unionOf(type.map((one) => typeOf({ ...schema, type: one })));
  if (type === 'array') return `readonly (${typeOf(at(items))})[]`;
  if (type === 'integer' || type === 'number') return 'number';
  return typeof type === 'string' ? type : 'unknown';
}

function objectOf(schema: JsonObject): string {
  const { properties, patternProperties, additionalProperties, required } = schema;
  const known = Object.entries(at(properties));
  const needed = new Set(isList(required) ? required : []);
  const open = isObject(patternProperties) ? Object.values(patternProperties) : [additionalProperties];
  if (known.length === 0) {
    const values = open.filter(isObject).map(typeOf);
    return additionalProperties === false && values.length === 0
      ? 'Readonly<Record<string, never>>'
      : `Readonly<Record<string, ${values.length > 0 ? unionOf(values) : 'unknown'}>>`;
  }
  const members = known.map(
    ([name, value]) =>
      `${comment(at(value)['description'])}readonly ${JSON.stringify(name)}${needed.has(name) ? '' : '?'}: ${typeOf(at(value))};`,
  );
  return `{\n${members.join('\n')}\n}`;
}

// Operations ---------------------------------------------------------------------------------------------

interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: Json | undefined;
  readonly parameters: readonly JsonObject[];
  readonly body: JsonObject | undefined;
  readonly bodyRequired: boolean;
  /** Answers that went well, by media type. */
  readonly answers: readonly (readonly [media: string, schema: JsonObject])[];
}

function operationsOf(document: Json): Operation[] {
  return Object.entries(at(document, 'paths')).flatMap(([path, item]) =>
    METHODS.filter((method) => isObject(at(item)[method])).map((method) => {
      const operation = at(item, method);
      const [body] = Object.values(at(operation, 'requestBody', 'content'));
      return {
        id: String(operation['operationId']),
        method: method.toUpperCase(),
        path,
        summary: operation['summary'],
        parameters: listOf(operation['parameters']),
        body: body === undefined ? undefined : at(body, 'schema'),
        bodyRequired: at(operation, 'requestBody')['required'] === true,
        answers: Object.entries(at(operation, 'responses'))
          .filter(([status]) => status.startsWith('2'))
          .flatMap(([, answer]) => Object.entries(at(answer, 'content')))
          .map(([media, content]) => [media, at(content, 'schema')] as const),
      };
    }),
  );
}

function clientOf(document: Json, types: readonly string[]): string {
  // A stream has no end to wait for: who follows it reads it with an EventSource or fetch.
  const operations = operationsOf(document).filter(({ answers }) =>
    answers.every(([media]) => media !== 'text/event-stream'),
  );
  const parameters = operations.flatMap(parametersType);
  const methods = operations.map(methodOf).join('\n');
  const used = types.filter((name) => new RegExp(`\\b${name}\\b`).test(parameters.join('\n') + methods));
  return `import { type CallOptions, type ChangeOptions, ClientCore, type Page, type Pages } from './core.ts';
import type { ${used.join(', ')} } from './types.ts';

export * from './core.ts';
export type * from './types.ts';

${parameters.join('\n')}
/** Every operation of the API by its operationId. */
export class OlmsClient extends ClientCore {
${methods}}
`;
}

const located = ({ parameters }: Operation, ...places: string[]): readonly JsonObject[] =>
  parameters.filter((parameter) => places.includes(String(parameter['in'])) && parameter['name'] !== 'cursor');

function parametersType(operation: Operation): string[] {
  const all = located(operation, 'path', 'query');
  if (all.length === 0) return [];
  const members = all.map((parameter) => {
    const { name, required, description } = parameter;
    const schema = at(parameter, 'schema');
    // A query says numbers as digits.
    const type = String(schema['pattern']).includes('\\d{0,2}') ? 'number | string' : typeOf(schema);
    return `${comment(description)}readonly ${JSON.stringify(name)}${required === true ? '' : '?'}: ${type}${required === true ? '' : ' | undefined'};`;
  });
  return [`export interface ${capital(operation.id)}Parameters {\n${members.join('\n')}\n}\n`];
}

/** The type of the items of a page; undefined for any other schema. */
function itemType(schema: JsonObject | undefined): string | undefined {
  const { items, nextCursor } = at(schema, 'properties');
  return nextCursor === undefined ? undefined : typeOf(at(items, 'items'));
}

function methodOf(operation: Operation): string {
  const { id, method, path, summary, body, bodyRequired, answers } = operation;
  const keyed = operation.parameters.some(({ name }) => name === 'Idempotency-Key');
  const inUrl = located(operation, 'path', 'query');
  const headers = located(operation, 'header')
    .map(({ name }) => JSON.stringify(name))
    .filter((name) => !OWN_HEADERS.has(JSON.parse(name) as string));
  const options = `${keyed ? 'ChangeOptions' : 'CallOptions'}${headers.length > 0 ? `<${headers.join(' | ')}>` : ''}`;
  const optional = (required: boolean): string => (required ? '' : '?');
  const taken = [
    ...(inUrl.length > 0
      ? [`parameters${optional(inUrl.some(({ required }) => required === true))}: ${capital(id)}Parameters`]
      : []),
    ...(body ? [`body${optional(bodyRequired)}: ${typeOf(body)}`] : []),
    `options?: ${options}`,
  ];
  const call = [
    `method: '${method}'`,
    `path: '${path}'`,
    ...(inUrl.length > 0 ? ['parameters'] : []),
    ...(body ? ['body'] : []),
    ...(keyed ? ['keyed: true'] : []),
  ];
  const item = itemType(answers[0]?.[1]);
  const isPaged = item !== undefined && operation.parameters.some(({ name }) => name === 'cursor');
  const answer = item === undefined ? unionOf(answers.map(([, schema]) => typeOf(schema))) : `Page<${item}>`;
  const [type, reads] = isPaged
    ? [`Pages<${item}>`, 'list']
    : [`Promise<${answers.length === 0 ? 'void' : answer}>`, 'read'];
  return `${comment(summary)}${id}(${taken.join(', ')}): ${type} {\nreturn this.${reads}({ ${call.join(', ')} }, options);\n}\n`;
}
