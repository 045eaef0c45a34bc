import {
  type DocumentNode,
  execute as executeSlowly,
  type ExecutionArgs,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  getArgumentValues,
  getDirectiveValues,
  getOperationAST,
  getVariableValues,
  type GraphQLError,
  type GraphQLField,
  GraphQLIncludeDirective,
  type GraphQLLeafType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  getNullableType,
  GraphQLSkipDirective,
  GraphQLString,
  isLeafType,
  Kind,
  locatedError,
  type SelectionSetNode,
} from 'graphql';

/**
 * Executes queries as the specification says, several times as fast as the library, which makes an object with everything
 * about it for each field of each entry. It relies on what our schema is: no interfaces and no unions. What it is not made
 * for (mutations, questions about the schema) the library executes; a test holds the two together.
 */

type Variables = Parameters<typeof getArgumentValues>[2];
type Source = Readonly<Record<string, unknown>>;

interface Path {
  readonly before: Path | undefined;
  readonly key: string | number;
}

interface Run {
  readonly variables: Variables;
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>;
  readonly context: unknown;
  readonly errors: GraphQLError[];
  /** By the nodes of a field, as they were put together, what is selected of its type. */
  readonly plans: Map<Planned['nodes'], readonly Planned[]>;
}

/** A field of an answer. */
interface Planned {
  readonly key: string;
  readonly nodes: readonly [FieldNode, ...FieldNode[]];
  /** Undefined for `__typename`. */
  readonly field: GraphQLField<unknown, unknown> | undefined;
  /** The type of a value that is a property of its object as it stands there, as nearly all are. */
  readonly leaf: GraphQLLeafType | undefined;
}

export function execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult> {
  const { schema, document, operationName, variableValues, contextValue, hideSuggestions = false } = args;
  const operation = getOperationAST(document, operationName);
  const type = schema.getQueryType();
  if (operation?.operation !== 'query' || !type || asksForSchema(operation.selectionSet, document))
    return executeSlowly(args);
  const coerced = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {}, {
    hideSuggestions: hideSuggestions ?? false,
  });
  if (coerced.errors) return { errors: coerced.errors };
  const run: Run = {
    variables: coerced.variableValues,
    fragments: fragmentsOf(document),
    context: contextValue,
    errors: [],
    plans: new Map(),
  };
  const finish = (data: unknown): ExecutionResult =>
    run.errors.length > 0
      ? { errors: run.errors, data: data as Record<string, unknown> | null }
      : { data: data as Record<string, unknown> };
  const fail = (error: unknown): ExecutionResult => {
    run.errors.push(error as GraphQLError);
    return finish(null);
  };
  try {
    const data = fieldsOf(run, type, plan(run, type, [operation.selectionSet]), {}, undefined);
    return isPromise(data) ? data.then(finish, fail) : finish(data);
  } catch (error) {
    return fail(error);
  }
}

function fragmentsOf({ definitions }: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments: Record<string, FragmentDefinitionNode> = {};
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
  return fragments;
}

/** Whether a root field, or a fragment anywhere, asks for `__schema` or `__type`. */
function asksForSchema(root: SelectionSetNode, { definitions }: DocumentNode): boolean {
  const asks = ({ selections }: SelectionSetNode): boolean =>
    selections.some((selection) =>
      selection.kind === Kind.FIELD
        ? selection.name.value === '__schema' || selection.name.value === '__type'
        : selection.kind === Kind.INLINE_FRAGMENT && asks(selection.selectionSet),
    );
  return (
    asks(root) ||
    definitions.some((definition) => definition.kind === Kind.FRAGMENT_DEFINITION && asks(definition.selectionSet))
  );
}

const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

/** What fails while nobody waits for it any more, because what it is part of has failed already, fails silently. */
function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}

// What is selected ---------------------------------------------------------------------------------------------

function plan(run: Run, type: GraphQLObjectType, sets: readonly SelectionSetNode[]): readonly Planned[] {
  const grouped = new Map<string, [FieldNode, ...FieldNode[]]>();
  const spread = new Set<string>();
  const collect = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (!isIncluded(run, selection)) continue;
      if (selection.kind === Kind.FIELD) {
        const key = (selection.alias ?? selection.name).value;
        const nodes = grouped.get(key);
        if (nodes) nodes.push(selection);
        else grouped.set(key, [selection]);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet);
      else if (!spread.has(selection.name.value)) {
        spread.add(selection.name.value);
        collect(run.fragments[selection.name.value]!.selectionSet);
      }
    }
  };
  sets.forEach(collect);
  return [...grouped].map(([key, nodes]): Planned => {
    const name = nodes[0].name.value;
    const field = name === '__typename' ? undefined : type.getFields()[name]!;
    const leaf = field && !field.resolve ? getNullableType(field.type) : undefined;
    return { key, nodes, field, leaf: isLeafType(leaf) ? leaf : undefined };
  });
}

const NO_ARGUMENTS = {};

function isIncluded(run: Run, node: SelectionSetNode['selections'][number]): boolean {
  if (!node.directives || node.directives.length === 0) return true;
  const skip = getDirectiveValues(GraphQLSkipDirective, node, run.variables);
  const include = getDirectiveValues(GraphQLIncludeDirective, node, run.variables);
  return skip?.['if'] !== true && include?.['if'] !== false;
}

/** What is selected of the objects that a field answers with; found once, however many there are. */
function planOf(run: Run, type: GraphQLObjectType, nodes: Planned['nodes']): readonly Planned[] {
  let planned = run.plans.get(nodes);
  if (!planned) {
    planned = plan(
      run,
      type,
      nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
    );
    run.plans.set(nodes, planned);
  }
  return planned;
}

// Values -------------------------------------------------------------------------------------------------------

function fieldsOf(
  run: Run,
  type: GraphQLObjectType,
  planned: readonly Planned[],
  source: Source,
  path: Path | undefined,
): unknown {
  const result: Record<string, unknown> = {};
  let waits: Promise<void>[] | undefined;
  for (const each of planned) {
    const property = each.leaf && propertyOf(each.leaf, source[each.field!.name]);
    if (property !== undefined) {
      result[each.key] = property;
      continue;
    }
    const value = fieldOf(run, type, each, source, path);
    result[each.key] = value;
    if (isPromise(value)) (waits ??= []).push(handled(value.then((settled) => void (result[each.key] = settled))));
  }
  return waits ? Promise.all(waits).then(() => result) : result;
}

/** The answer for a plain value; undefined for one that is missing, has to be worked out or does not fit its type. */
function propertyOf(leaf: GraphQLLeafType, value: unknown): unknown {
  if (typeof value === 'string') {
    if (leaf === GraphQLString) return value;
  } else if (typeof value !== 'number' && typeof value !== 'boolean') return undefined;
  try {
    return leaf.coerceOutputValue(value);
  } catch {
    return undefined;
  }
}

function fieldOf(
  run: Run,
  type: GraphQLObjectType,
  { key, nodes, field }: Planned,
  source: Source,
  before: Path | undefined,
): unknown {
  if (!field) return type.name;
  const failed = (error: unknown): null => {
    const located = locatedError(error, nodes, keysOf({ before, key }));
    if (field.type instanceof GraphQLNonNull) throw located;
    run.errors.push(located);
    return null;
  };
  try {
    let value: unknown;
    if (field.resolve) {
      const args = field.args.length === 0 ? NO_ARGUMENTS : getArgumentValues(field, nodes[0], run.variables);
      // Of all that a resolver may ask about its field, ours ask for what is selected.
      const info = { fieldNodes: nodes, fragments: run.fragments } as never;
      value = field.resolve(source, args, run.context, info);
    } else {
      value = source[field.name];
      if (typeof value === 'function') value = (value as () => unknown)();
    }
    if (!isPromise(value)) {
      const done = complete(run, field.type, nodes, value, before, key);
      return isPromise(done) ? done.catch(failed) : done;
    }
    return value.then((settled) => complete(run, field.type, nodes, settled, before, key)).catch(failed);
  } catch (error) {
    return failed(error);
  }
}

function complete(
  run: Run,
  type: GraphQLOutputType,
  nodes: Planned['nodes'],
  value: unknown,
  before: Path | undefined,
  key: string | number,
): unknown {
  if (type instanceof GraphQLNonNull) {
    const done = complete(run, type.ofType, nodes, value, before, key);
    if (done === null) throw new Error(`Cannot return null for the field ${nodes[0].name.value}, which is never null.`);
    return done;
  }
  if (value === undefined || value === null) return null;
  if (isLeafType(type)) return type.coerceOutputValue(value);
  const path: Path = { before, key };
  if (type instanceof GraphQLObjectType) return fieldsOf(run, type, planOf(run, type, nodes), value as Source, path);
  if (type instanceof GraphQLList) return completeList(run, type, nodes, value, path);
  throw new Error(`${String(type)} is no type of this schema.`);
}

function completeList(
  run: Run,
  { ofType }: GraphQLList<GraphQLOutputType>,
  nodes: Planned['nodes'],
  value: unknown,
  path: Path,
): unknown {
  if (!Array.isArray(value)) throw new Error(`The field ${nodes[0].name.value} is no list.`);
  let waits = false;
  const entries = (value as readonly unknown[]).map((entry, index) => {
    const failed = (error: unknown): null => {
      const located = locatedError(error, nodes, keysOf({ before: path, key: index }));
      if (ofType instanceof GraphQLNonNull) throw located;
      run.errors.push(located);
      return null;
    };
    try {
      const done = complete(run, ofType, nodes, entry, path, index);
      if (!isPromise(done)) return done;
      waits = true;
      return handled(done.catch(failed));
    } catch (error) {
      return failed(error);
    }
  });
  return waits ? Promise.all(entries) : entries;
}

function keysOf(path: Path): (string | number)[] {
  const keys: (string | number)[] = [];
  for (let at: Path | undefined = path; at; at = at.before) keys.unshift(at.key);
  return keys;
}
