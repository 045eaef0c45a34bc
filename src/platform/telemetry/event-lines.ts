import { type Envelope, spanIdOf, traceIdOf } from '#contracts/envelope.ts';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import { eventLines, type Logger } from './logger.ts';

/** The lines that say what happened to orders: one for each event that was committed and for each command that was decided. */

const rounded = (ms: number): number => Math.round(ms * 100) / 100;

interface Caused {
  readonly correlationid: string;
  readonly traceparent?: string | undefined;
}

function causeOf({ correlationid, traceparent }: Caused): Record<string, string> {
  return {
    correlationId: correlationid,
    ...(traceparent !== undefined && { traceId: traceIdOf(traceparent), spanId: spanIdOf(traceparent) }),
  };
}

/** The first line after some that were left out says how many. */
function countedBefore(index: number, skipped: number): { readonly skippedLines?: number } {
  return index === 0 && skipped > 0 ? { skippedLines: skipped } : {};
}

/** `tookMs`: of the batch that committed them. */
export function logEvents(logger: Logger, events: readonly Envelope[], tookMs: number): void {
  if (events.length === 0 || !logger.isLevelEnabled('info')) return;
  const { lines, skipped } = eventLines(logger, events.length);
  const durationMs = rounded(tookMs);
  for (let index = 0; index < lines; index++) {
    const event = events[index]!;
    const { id: eventId, subject: orderId, sequence, type } = event;
    logger.info(
      { event: type, orderId, eventId, sequence, durationMs, ...causeOf(event), ...countedBefore(index, skipped) },
      type,
    );
  }
}

interface Decided {
  readonly request: { readonly orderId: string; readonly command: unknown; readonly cause: Caused };
  readonly answer?: object | Refusal;
  readonly error?: unknown;
}

/** `tookMs`: of the batch that decided them. */
export function logCommands(logger: Logger, decided: readonly Decided[], tookMs: number): void {
  if (decided.length === 0 || !logger.isLevelEnabled('info')) return;
  const { lines, skipped } = eventLines(logger, decided.length);
  const durationMs = rounded(tookMs);
  for (let index = 0; index < lines; index++) {
    const { request, answer } = decided[index]!;
    const command = (request.command as { type?: string }).type ?? 'command';
    const refusal = answer && isRefusal(answer) ? answer.refused : undefined;
    const outcome = answer === undefined ? 'failed' : refusal === undefined ? 'done' : 'refused';
    logger.info(
      {
        event: command,
        orderId: request.orderId,
        outcome,
        code: refusal,
        durationMs,
        ...causeOf(request.cause),
        ...countedBefore(index, skipped),
      },
      `command ${command} ${outcome}`,
    );
  }
}
