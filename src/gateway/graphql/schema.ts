import { assertValidSchema, GraphQLObjectType, GraphQLSchema, lexicographicSortSchema } from 'graphql';
import { type OpenApiDocument, operationsOf } from './document.ts';
import { mutationFields } from './mutations.ts';
import { Queries } from './queries.ts';
import { subscriptionFields } from './subscriptions.ts';
import { Types } from './types.ts';

/**
 * The GraphQL schema that belongs to an OpenAPI document; which way round the document lists things does not matter.
 * Throws where something in the document has no place in a schema.
 */
export function schemaOf(document: OpenApiDocument): GraphQLSchema {
  const operations = operationsOf(document);
  const types: Types = new Types(document, (type, properties) => queries.further(type, properties));
  const queries = new Queries(document, operations, types);
  const schema = new GraphQLSchema({
    description: 'OLMS, the order lifecycle management system: the operations of its REST API as a graph',
    query: new GraphQLObjectType({ name: 'Query', fields: queries.fields() }),
    mutation: new GraphQLObjectType({ name: 'Mutation', fields: mutationFields(operations, types, queries) }),
    subscription: new GraphQLObjectType({ name: 'Subscription', fields: subscriptionFields(types, queries) }),
  });
  const sorted = lexicographicSortSchema(schema);
  assertValidSchema(sorted);
  return sorted;
}
