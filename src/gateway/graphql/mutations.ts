import {
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
} from 'graphql';
import { type CallContext, callOf, errorOf, type ProblemDocument } from './calls.ts';
import { nameOf, type Operation } from './document.ts';
import type { Queries } from './queries.ts';
import { capital, type Types } from './types.ts';

/** What can be changed: a mutation for each operation that takes an `Idempotency-Key`. A refusal is data, not an error. */

const KEY = 'Idempotency-Key';
/** What the REST API says of it more fully. */
const KEY_MEANING =
  'A fresh value per intent; with the same key and input the answer is the same, and nothing happens twice';
const SUCCESS_END = 300;
/** That somebody may not call, or not now, is an error; every other refusal is about what was asked. */
const ERRORS: ReadonlySet<number> = new Set([401, 403, 408, 429]);
const SERVER_ERRORS_FROM = 500;

const FIELD_PROBLEM = new GraphQLObjectType({
  name: 'FieldProblem',
  fields: {
    pointer: { type: new GraphQLNonNull(GraphQLString), description: 'JSON pointer (RFC 6901) into `input`' },
    detail: { type: new GraphQLNonNull(GraphQLString) },
  },
});
const list = (type: GraphQLObjectType | typeof GraphQLString): GraphQLList<GraphQLNonNull<typeof type>> =>
  new GraphQLList(new GraphQLNonNull(type));

const PROBLEM = new GraphQLObjectType<ProblemDocument>({
  name: 'Problem',
  description: 'Why a command was refused; then nothing was changed',
  fields: {
    code: { type: new GraphQLNonNull(GraphQLString), description: 'Stable; programs decide by it' },
    detail: { type: new GraphQLNonNull(GraphQLString), description: 'What was wrong, and what to do' },
    pointer: {
      type: GraphQLString,
      description: 'The first field that is wrong: JSON pointer (RFC 6901) into `input`',
      resolve: ({ errors }) => errors?.[0]?.pointer,
    },
    errors: { type: list(FIELD_PROBLEM), description: 'Every field that is wrong' },
    orderStatus: { type: GraphQLString, description: 'The status in which the order refused the command' },
    allowedActions: { type: list(GraphQLString), description: 'What the order allows instead' },
  },
});

interface Payload {
  readonly result?: unknown;
  readonly orderId?: string | undefined;
  readonly problem?: ProblemDocument;
}

/** The fields of `Mutation`. */
export function mutationFields(
  operations: ReadonlyMap<string, Operation>,
  types: Types,
  queries: Queries,
): Record<string, GraphQLFieldConfig<unknown, CallContext>> {
  return Object.fromEntries(
    [...operations.values()]
      .filter(({ method, parameters }) => method !== 'GET' && parameters.some(({ name }) => name === KEY))
      .map((operation) => [operation.id, mutation(operation, types, queries)]),
  );
}

function mutation(operation: Operation, types: Types, queries: Queries): GraphQLFieldConfig<unknown, CallContext> {
  const { id, summary, parameters, body, bodyRequired } = operation;
  const args: GraphQLFieldConfigArgumentMap = {};
  const taken = new Map<string, string>();
  for (const parameter of parameters) {
    const name = argumentName(parameter.name);
    taken.set(name, parameter.name);
    const argument = queries.argument(parameter, capital(id));
    args[name] = parameter.name === KEY ? { ...argument, description: KEY_MEANING } : argument;
  }
  // A body without members is an empty object, and no argument.
  if (body && types.hasMembers(body)) {
    const type = types.input(body, nameOf(body) ?? capital(id));
    args['input'] = { type: bodyRequired ? new GraphQLNonNull(type) : type };
  }
  return {
    type: payloadType(operation, types, queries),
    ...(summary !== undefined && { description: summary }),
    args,
    async resolve(_source, given, context): Promise<Payload> {
      const values = Object.fromEntries([...taken].map(([name, parameter]) => [parameter, given[name]]));
      // A command without details comes without a body, as it does by REST.
      const input = body ? ((given['input'] as unknown) ?? {}) : undefined;
      const { status, body: answer } = await context.call(callOf(operation, values, input));
      if (status < SUCCESS_END)
        return { result: answer, orderId: (answer as { orderId?: string } | undefined)?.orderId };
      const problem = answer as ProblemDocument;
      if (status >= SERVER_ERRORS_FROM || ERRORS.has(status)) throw errorOf(problem);
      return { problem };
    },
  };
}

/** `Idempotency-Key` → `idempotencyKey`. */
function argumentName(parameter: string): string {
  const [first = '', ...rest] = parameter.split('-');
  return first.charAt(0).toLowerCase() + first.slice(1) + rest.map(capital).join('');
}

function payloadType({ id, answer }: Operation, types: Types, queries: Queries): GraphQLObjectType {
  const name = answer && (nameOf(answer) ?? `${capital(id)}Result`);
  const result = answer && name !== undefined ? types.output(answer, name) : undefined;
  const isOrder = name === 'Order';
  return new GraphQLObjectType<Payload, CallContext>({
    name: `${capital(id)}Payload`,
    fields: () => ({
      ...(result &&
        name !== undefined && {
          [isOrder ? 'order' : name.charAt(0).toLowerCase() + name.slice(1)]: {
            type: result,
            description: 'As the command left it; null where it was refused',
            resolve: (source) => source.result,
          },
        }),
      ...(!isOrder &&
        result instanceof GraphQLObjectType &&
        result.getFields()['orderId'] && {
          order: {
            type: types.output({ $ref: '#/components/schemas/Order' }, 'Order'),
            description: 'The order that this belongs to',
            resolve: ({ orderId }, _args, context) => (orderId === undefined ? null : queries.order(context, orderId)),
          },
        }),
      problem: { type: PROBLEM, description: 'Why the command was refused; null where it was done' },
    }),
  });
}
