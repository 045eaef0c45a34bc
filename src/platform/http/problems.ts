import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, ERRORS, type Refusal } from '#contracts/errors.ts';
import { isTransient, isUnstorable } from '#platform/database/failures.ts';
import { traceIdOf } from '#contracts/envelope.ts';
import { leaveUnread } from './limits/answered.ts';

export interface FieldError {
  /** JSON pointer into the body (RFC 6901). */
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemExtras {
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem document. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** An error that a caller sees as problem+json (RFC 9457). The code is stable, the detail says what to do. */
export class Problem extends Error {
  readonly code: ErrorCode;
  readonly extras: ProblemExtras;
  constructor(code: ErrorCode, detail: string, extras: ProblemExtras = {}) {
    super(detail);
    this.code = code;
    this.extras = extras;
  }
}

export function problemOfRefusal(refusal: Refusal, members: Readonly<Record<string, unknown>> = {}): Problem {
  return new Problem(refusal.refused, refusal.detail, { members });
}

const RETRY_AFTER_S = 1;

interface ValidationFailure {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: Record<string, unknown>;
}

/** What may be the name of a property, mistyped or of another version. Anything else may be what is meant for a value: it is not repeated. */
const PROPERTY_NAME = /^[A-Za-z_][A-Za-z_.~/-]{0,39}\d{0,2}$/;

/** `flat`: of a query, whose parameters are named whole, whichever of their values is wrong. */
function fieldError(failure: ValidationFailure, flat: boolean): FieldError {
  const extra = failure.params['additionalProperty'];
  if (typeof extra === 'string')
    return PROPERTY_NAME.test(extra)
      ? {
          pointer: `${failure.instancePath}/${extra.replace(/~/g, '~0').replace(/\//g, '~1')}`,
          detail: 'is not a known property',
        }
      : { pointer: failure.instancePath, detail: 'has a property that is not known' };
  const pointer = flat ? failure.instancePath.replace(/^(\/[^/]*)\/.*$/, '$1') : failure.instancePath;
  return { pointer, detail: failure.message ?? failure.keyword };
}

/**
 * Throws VALIDATION_FAILED where a part of a body is not what a schema says which depends on the rest of the request; `at`
 * is the JSON pointer of that part.
 */
export function assertFits(request: FastifyRequest, schema: object, part: unknown, at: string): void {
  const validate = request.compileValidationSchema(schema, 'body');
  if (validate(part)) return;
  const validation = (validate.errors ?? []).map((failure) => ({
    ...failure,
    instancePath: `${at}${failure.instancePath ?? ''}`,
  }));
  throw Object.assign(new Error(`${at} does not fit its schema`), { validation, validationContext: 'body' });
}

/** The one place that turns whatever was thrown into a problem. `bodyLimit` is that of the route, in bytes. */
export function problemOf(error: unknown, errorsMax: number, bodyLimit = 0): Problem {
  if (error instanceof Problem) return error;
  const { code, validation, validationContext, statusCode } = error as {
    code?: string;
    validation?: ValidationFailure[];
    validationContext?: string;
    statusCode?: number;
  };
  if (validation) {
    const errors = validation
      .filter((failure) => failure.keyword !== 'anyOf' && failure.keyword !== 'if')
      .slice(0, errorsMax)
      .map((failure) => fieldError(failure, validationContext === 'querystring'));
    return new Problem(
      'VALIDATION_FAILED',
      `The ${validationContext ?? 'body'} does not match the schema: ${errors[0]?.pointer ?? ''} ${errors[0]?.detail ?? ''}`.trim(),
      { errors },
    );
  }
  if (code === 'FST_ERR_BAD_URL') return new Problem('VALIDATION_FAILED', 'The URL is not percent-encoded.');
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new Problem('PAYLOAD_TOO_LARGE', `Send at most ${bodyLimit / 1024} KiB.`);
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new Problem('UNSUPPORTED_MEDIA_TYPE', 'Send Content-Type: application/json.');
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return new Problem('MALFORMED_JSON', 'The body is empty.');
  if (error instanceof SyntaxError || code === 'FST_ERR_CTP_INVALID_JSON_BODY')
    return new Problem('MALFORMED_JSON', 'The body is not valid JSON.');
  if (isUnstorable(error))
    return new Problem('VALIDATION_FAILED', 'The request holds text or nesting that cannot be stored.');
  if (isTransient(error))
    return new Problem('UNAVAILABLE', 'The database is not reachable at the moment. What was acknowledged is safe.');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new Problem('VALIDATION_FAILED', (error as Error).message);
  return new Problem('INTERNAL', 'Something failed on our side. Quote the correlation id when you ask about it.');
}

/** The document a caller gets. */
export function problemDocument(problem: Problem, correlationId: string, traceId?: string): Record<string, unknown> {
  const { status, title } = ERRORS[problem.code];
  const { errors, members } = problem.extras;
  return {
    type: `/docs/errors#${problem.code}`,
    title,
    status,
    detail: problem.message,
    code: problem.code,
    correlationId,
    ...(traceId !== undefined && { traceId }),
    ...(errors && { errors }),
    ...members,
  };
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  leaveUnread(reply.request);
  const { status } = ERRORS[problem.code];
  const { headers } = problem.extras;
  if (headers) reply.headers(headers);
  if (status === 503) reply.header('retry-after', String(RETRY_AFTER_S));
  if (status === 401 && !headers?.['www-authenticate']) reply.header('www-authenticate', 'Bearer realm="olms"');
  const { correlationId, span } = reply.request;
  const body = problemDocument(problem, correlationId, span && traceIdOf(span.traceparent));
  return reply.code(status).header('content-type', 'application/problem+json').send(JSON.stringify(body));
}
