import {
  type DocumentNode,
  getOperationAST,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { Lru } from '#platform/runtime/lru.ts';
import { errorOf } from './calls.ts';
import { checkShape, costOf, type Limits, TooComplex } from './limits.ts';
import type { PersistedQueries, Sent } from './persisted.ts';

/** What must be right before an operation begins: its document, its size, its cost. */

export interface PrepareOptions extends Limits {
  readonly tokensMax: number;
  readonly introspection: boolean;
}

export interface GraphqlRequest extends Sent {
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/** An operation that may be executed. */
export interface Prepared {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly cost: number;
}

const DOCUMENTS_MAX = 500;
/** Errors of one document; who makes more mistakes mends these first. */
const ERRORS_MAX = 20;
/** What is longer is not remembered: most documents are short, and the memory is bounded. */
const TEXT_MAX = 16 * 1024;
const VARIABLES_DEPTH_MAX = 50;

export class Preparation {
  readonly #schema: GraphQLSchema;
  readonly #options: PrepareOptions;
  readonly #persisted: PersistedQueries;
  readonly #valid = new Lru<DocumentNode>(DOCUMENTS_MAX);

  constructor(schema: GraphQLSchema, options: PrepareOptions, persisted: PersistedQueries) {
    this.#schema = schema;
    this.#options = options;
    this.#persisted = persisted;
  }

  /** Throws the error, or a list of them, for the caller; then nothing was done. */
  prepare(request: GraphqlRequest): Prepared {
    const query = this.#persisted.queryOf(request);
    const variables = request.variables ?? {};
    if (isDeeper(variables, VARIABLES_DEPTH_MAX))
      throw errorOf({
        code: 'GRAPHQL_TOO_COMPLEX',
        detail: `Variables are at most ${VARIABLES_DEPTH_MAX} levels deep.`,
      });
    const document = this.#documentOf(query);
    const operation = getOperationAST(document, request.operationName);
    if (!operation)
      throw invalid(
        'The document has no operation of this name, or has several and the request names none in operationName.',
      );
    const { costMax } = this.#options;
    const cost = costOf(this.#schema, document, operation, variables);
    if (cost > costMax)
      throw errorOf({
        code: 'GRAPHQL_TOO_COMPLEX',
        detail: `The document may cost ${cost}; at most ${costMax} is allowed. Ask for fewer entries by \`first\`, or for less of each.`,
      });
    this.#persisted.remember(request);
    return { document, operation, cost };
  }

  #documentOf(query: string): DocumentNode {
    const before = this.#valid.get(query);
    if (before) return before;
    const { tokensMax, introspection } = this.#options;
    let document: DocumentNode;
    try {
      document = parse(query, { maxTokens: tokensMax });
      checkShape(document, this.#options);
    } catch (error) {
      if (error instanceof TooComplex) throw errorOf({ code: 'GRAPHQL_TOO_COMPLEX', detail: error.message });
      if (!(error instanceof GraphQLError)) throw error;
      const tooLong = error.message.includes(`more than ${tokensMax} tokens`) || error.message.includes('more that');
      throw coded(error, tooLong ? 'GRAPHQL_TOO_COMPLEX' : 'GRAPHQL_INVALID');
    }
    const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
    const errors = validate(this.#schema, document, rules, { maxErrors: ERRORS_MAX, hideSuggestions: !introspection });
    if (errors.length > 0) throw new InvalidDocument(errors.map((error) => coded(error, 'GRAPHQL_INVALID')));
    if (query.length <= TEXT_MAX) this.#valid.set(query, document);
    return document;
  }
}

/** Everything that is wrong with a document. */
export class InvalidDocument extends Error {
  readonly errors: readonly GraphQLError[];
  constructor(errors: readonly GraphQLError[]) {
    super('The document does not fit the schema.');
    this.errors = errors;
  }
}

const invalid = (detail: string): GraphQLError => errorOf({ code: 'GRAPHQL_INVALID', detail });

/** The same error with a code for programs. */
export function coded(error: GraphQLError, code: string): GraphQLError {
  const { message, nodes, source, positions, path } = error;
  return new GraphQLError(message, { nodes, source, positions, path, extensions: { ...error.extensions, code } });
}

function isDeeper(root: unknown, depthMax: number): boolean {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax) return true;
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
  return false;
}
