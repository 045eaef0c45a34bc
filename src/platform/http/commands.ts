import type { FastifyRequest } from 'fastify';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import { ConflictError, type Database } from '#platform/database/database.ts';
import { isUniqueViolation } from '#platform/database/failures.ts';
import type { CommandRequest, Done } from '#platform/processor/batch.ts';
import { type RequestKey, requestKey, storedAnswer } from './idempotency.ts';
import { type Problem, problemOfRefusal } from './problems.ts';

/** Changes that are made once under an `Idempotency-Key`, however often the request comes. */

const COLLIDED: Refusal = { refused: 'UNAVAILABLE', detail: 'The request collided with another one; try again.' };

export interface OnceOptions<Stored, Answer> {
  /** Makes the change and keeps its answer under the key, in one statement; or refuses. */
  readonly act: () => Promise<Answer | Refusal>;
  /** The answer to a repeat, out of what was kept under the key. */
  readonly repeat: (stored: Stored) => Answer | Promise<Answer>;
  /** The problem that a refusal is answered with; by default its code and detail. */
  readonly refused?: (refusal: Refusal) => Problem | Promise<Problem>;
}

/**
 * What was answered under a key before, or else what `act` answers. Of two requests with one key at the same time,
 * the later one is answered like the first. Throws the {@link Problem} of a refusal. An answer is a value and never the
 * reply itself, which becomes undefined by being awaited.
 */
export async function answerOnce<Stored, Answer>(
  database: Database,
  key: RequestKey | undefined,
  { act, repeat, refused = problemOfRefusal }: OnceOptions<Stored, Answer>,
): Promise<Answer> {
  const repeated = async (): Promise<Answer | undefined> => {
    const stored = await storedAnswer<Stored>(database, key);
    return stored === undefined ? undefined : repeat(stored);
  };
  const before = await repeated();
  if (before !== undefined) return before;
  const answer = await act().catch((error: unknown) =>
    isUniqueViolation(error) || error instanceof ConflictError ? COLLIDED : Promise.reject(error as Error),
  );
  if (!isRefusal(answer)) return answer;
  const raced = await repeated();
  if (raced !== undefined) return raced;
  throw await refused(answer);
}

/** What a command of an order is given to, such as a `Processor`. */
export interface TakesCommands<State, Command> {
  submit(request: CommandRequest<Command>): Promise<Done<State> | Refusal>;
}

/** The order a route is about, and what it wants of it. */
export interface Wanted<Command> {
  readonly orderId: string;
  readonly command: Command;
  /** The version the order must still have. */
  readonly expectedSequence?: number | undefined;
}

export interface CommandOptions<State, Command, Answer> {
  readonly database: Database;
  readonly processor: TakesCommands<State, Command>;
  /** What the request wants; asked only where it is no repeat. Throws a {@link Problem} where there is no such thing. */
  readonly wanted: () => Wanted<Command> | Promise<Wanted<Command>>;
  readonly answer: (done: Done<State>) => Answer | Promise<Answer>;
  /** The answer to a repeat: about this order as its own event number `sequence` left it. */
  readonly repeat: (stored: { readonly orderId: string; readonly sequence: number }) => Answer | Promise<Answer>;
  readonly refused?: (refusal: Refusal) => Problem | Promise<Problem>;
}

/** Gives the command of a request to a processor, once under its key, and answers with what became of it. */
export async function commandOnce<State, Command, Answer>(
  request: FastifyRequest,
  { database, processor, wanted, answer, repeat, refused }: CommandOptions<State, Command, Answer>,
): Promise<Answer> {
  const key = requestKey(request);
  return answerOnce(database, key, {
    async act() {
      const done = await processor.submit({ ...(await wanted()), cause: request.cause, idempotency: key });
      return isRefusal(done) ? done : answer(done);
    },
    repeat,
    ...(refused && { refused }),
  });
}
