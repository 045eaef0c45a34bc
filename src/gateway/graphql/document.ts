/** What of the OpenAPI document the GraphQL schema is made from. */

export interface JsonSchema {
  readonly $ref?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly 'x-nullable'?: boolean;
}

export interface Parameter {
  readonly in: 'path' | 'query' | 'header';
  readonly name: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

type Content = Readonly<Record<string, { readonly schema?: JsonSchema }>>;

interface RawOperation {
  readonly operationId: string;
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

/** One operation of the REST API. */
export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string | undefined;
  readonly parameters: readonly Parameter[];
  readonly body: JsonSchema | undefined;
  readonly bodyRequired: boolean;
  /** Of the JSON that it answers with when all went well; undefined where that is something else, or nothing. */
  readonly answer: JsonSchema | undefined;
}

const JSON_TYPE = 'application/json';

/** Every operation by its id. */
export function operationsOf(document: OpenApiDocument): ReadonlyMap<string, Operation> {
  const operations = new Map<string, Operation>();
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, raw] of Object.entries(methods)) {
      const { operationId: id, summary, parameters = [], requestBody, responses } = raw;
      const done = Object.entries(responses).find(([status]) => status.startsWith('2'))?.[1];
      operations.set(id, {
        id,
        method: method.toUpperCase(),
        path,
        summary,
        parameters,
        body: requestBody?.content[JSON_TYPE]?.schema,
        bodyRequired: requestBody?.required === true,
        answer: done?.content?.[JSON_TYPE]?.schema,
      });
    }
  return operations;
}

/** The name of a schema that stands by itself in the document. */
export function nameOf({ $ref }: JsonSchema): string | undefined {
  return $ref?.split('/').at(-1);
}

/** The entries of a page, or undefined for a schema that is none. */
export function pageItem(schema: JsonSchema | undefined): JsonSchema | undefined {
  const { items, nextCursor } = schema?.properties ?? {};
  return nextCursor && items?.items;
}
