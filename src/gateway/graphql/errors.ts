import { GraphQLError } from 'graphql';
import { Problem } from '#platform/http/problems.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { errorOf } from './calls.ts';
import { coded } from './prepare.ts';

/** What a caller sees of an error: a stable code, and nothing of what is inside. */
export function formatted(error: unknown, logger: Logger): GraphQLError {
  if (!(error instanceof GraphQLError)) {
    return error instanceof Problem ? errorOf({ code: error.code, detail: error.message }) : internal(error, logger);
  }
  if (typeof error.extensions['code'] === 'string') return error;
  const { originalError } = error;
  if (originalError instanceof Problem) return coded(new GraphQLError(error.message, error), originalError.code);
  // What a resolver did not foresee; variables that do not fit have no path, because nothing was begun.
  if (originalError && !(originalError instanceof GraphQLError) && error.path) {
    const { message, extensions } = internal(originalError, logger);
    return new GraphQLError(message, { nodes: error.nodes, path: error.path, extensions });
  }
  return coded(error, error.path ? 'INTERNAL' : 'GRAPHQL_INVALID');
}

function internal(error: unknown, logger: Logger): GraphQLError {
  logger.error({ err: error }, 'a field of GraphQL failed');
  return errorOf({
    code: 'INTERNAL',
    detail: 'Something failed on our side. Quote the correlation id when you ask about it.',
  });
}
