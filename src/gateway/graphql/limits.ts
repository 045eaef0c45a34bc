import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLCompositeType,
  type GraphQLField,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isCompositeType,
  isLeafType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  visit,
} from 'graphql';
import { FIRST_DEFAULT, FIRST_MAX } from './lists.ts';

/** What one document may ask for, worked out before any of it is. Fragments count wherever they are spread. */

export interface Limits {
  readonly depthMax: number;
  readonly aliasesMax: number;
  readonly directivesMax: number;
  readonly costMax: number;
}

/** Why a document is refused. */
export class TooComplex extends Error {}

interface Measure {
  readonly depth: number;
  readonly aliases: number;
}
const NOTHING: Measure = { depth: 0, aliases: 0 };

/** Throws {@link TooComplex} for what can be seen without the schema: how deep, how many aliases and directives. */
export function checkShape(document: DocumentNode, { depthMax, aliasesMax, directivesMax }: Limits): void {
  let directives = 0;
  visit(document, { Directive: () => void directives++ });
  if (directives > directivesMax)
    throw new TooComplex(`The document has ${directives} directives; at most ${directivesMax} are allowed.`);
  const fragments = fragmentsOf(document);
  const measured = new Map<string, Measure | undefined>();
  const ofFragment = (name: string): Measure => {
    if (measured.has(name)) {
      const before = measured.get(name);
      if (!before) throw new TooComplex(`The fragment ${name} spreads itself.`);
      return before;
    }
    const fragment = fragments.get(name);
    if (!fragment) return NOTHING;
    measured.set(name, undefined);
    const measure = ofSet(fragment.selectionSet);
    measured.set(name, measure);
    return measure;
  };
  const ofSet = ({ selections }: SelectionSetNode): Measure => {
    let depth = 0;
    let aliases = 0;
    const names = new Set<string>();
    for (const selection of selections) {
      let inside = NOTHING;
      if (selection.kind === Kind.FRAGMENT_SPREAD) inside = ofFragment(selection.name.value);
      else if (selection.kind === Kind.INLINE_FRAGMENT) inside = ofSet(selection.selectionSet);
      else {
        const { depth: below, aliases: more } = selection.selectionSet ? ofSet(selection.selectionSet) : NOTHING;
        // To say the same field again costs as much to check as to call it otherwise.
        const name = (selection.alias ?? selection.name).value;
        inside = { depth: below + 1, aliases: more + (selection.alias || names.has(name) ? 1 : 0) };
        names.add(name);
      }
      depth = Math.max(depth, inside.depth);
      aliases += inside.aliases;
    }
    return { depth, aliases };
  };
  for (const definition of document.definitions) {
    // A fragment that nobody spreads is validated too.
    if (definition.kind === Kind.FRAGMENT_DEFINITION) ofFragment(definition.name.value);
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const { depth, aliases } = ofSet(definition.selectionSet);
    if (depth > depthMax)
      throw new TooComplex(`The document is ${depth} levels deep; at most ${depthMax} are allowed.`);
    if (aliases > aliasesMax)
      throw new TooComplex(
        `The document has ${aliases} aliases and repeated fields; at most ${aliasesMax} are allowed.`,
      );
  }
}

function fragmentsOf({ definitions }: DocumentNode): Map<string, FragmentDefinitionNode> {
  return new Map(
    definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  );
}

/** Entries of a list that says nothing about how many it has. */
const LIST_ASSUMED = 5;

/**
 * What an operation costs: each object that it may answer with is 1, each value in it is free. A list that is read by
 * pages counts as many as `first` says, another one {@link LIST_ASSUMED}. The document must be valid.
 */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): number {
  const fragments = fragmentsOf(document);
  const measured = new Map<string, number>();
  const defaults = new Map(
    (operation.variableDefinitions ?? []).map(({ variable, defaultValue }) => [
      variable.name.value,
      defaultValue?.kind === Kind.INT ? Number(defaultValue.value) : undefined,
    ]),
  );
  const firstOf = (node: FieldNode): number => {
    const given = node.arguments?.find(({ name }) => name.value === 'first')?.value;
    const value =
      given?.kind === Kind.INT
        ? Number(given.value)
        : given?.kind === Kind.VARIABLE
          ? (variables[given.name.value] ?? defaults.get(given.name.value))
          : undefined;
    return typeof value === 'number' ? Math.min(Math.max(value, 1), FIRST_MAX) : FIRST_DEFAULT;
  };
  const ofField = (node: FieldNode, field: GraphQLField<unknown, unknown> | undefined): number => {
    if (!field || !node.selectionSet) return 0;
    const type = getNamedType(field.type);
    if (isLeafType(type) || !isCompositeType(type)) return 0;
    const inside = ofSet(node.selectionSet, type);
    if (field.args.some(({ name }) => name === 'first')) return 1 + firstOf(node) * inside;
    // The entries of a page are counted by the field that has `first`.
    return isListType(field.type) && !isPart(field) ? 1 + LIST_ASSUMED * inside : 1 + inside;
  };
  const ofSet = ({ selections }: SelectionSetNode, parent: GraphQLCompositeType): number => {
    let cost = 0;
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD)
        cost += ofField(selection, isObjectType(parent) ? parent.getFields()[selection.name.value] : undefined);
      else if (selection.kind === Kind.INLINE_FRAGMENT) cost += ofSet(selection.selectionSet, parent);
      else cost += ofFragment(selection.name.value);
    }
    return cost;
  };
  const ofFragment = (name: string): number => {
    const before = measured.get(name);
    if (before !== undefined) return before;
    const fragment = fragments.get(name);
    const type = fragment && schema.getType(fragment.typeCondition.name.value);
    const cost = fragment && isCompositeType(type) ? ofSet(fragment.selectionSet, type) : 0;
    measured.set(name, cost);
    return cost;
  };
  const root: GraphQLObjectType | null | undefined = schema.getRootType(operation.operation);
  return root ? ofSet(operation.selectionSet, root) : 0;
}

function isListType(type: GraphQLOutputType): boolean {
  const plain = type instanceof GraphQLNonNull ? type.ofType : type;
  return plain instanceof GraphQLList;
}

const isPart = ({ name }: GraphQLField<unknown, unknown>): boolean => name === 'nodes' || name === 'edges';
