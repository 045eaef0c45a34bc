import { type Envelope, spanIdOf, traceIdOf } from '#contracts/envelope.ts';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import type { Logger } from './logger.ts';

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

/** `tookMs`: of the batch that committed them. */
export function logEvents(logger: Logger, events: readonly Envelope[], tookMs: number): void {
  if (events.length === 0 || !logger.isLevelEnabled('info')) return;
  const durationMs = rounded(tookMs);
  for (const event of events) {
    const { id: eventId, subject: orderId, sequence, type } = event;
    logger.info({ event: type, orderId, eventId, sequence, durationMs, ...causeOf(event) }, type);
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
  const durationMs = rounded(tookMs);
  for (const { request, answer } of decided) {
    const command = (request.command as { type?: string }).type ?? 'command';
    const refusal = answer && isRefusal(answer) ? answer.refused : undefined;
    const outcome = answer === undefined ? 'failed' : refusal === undefined ? 'done' : 'refused';
    logger.info(
      { event: command, orderId: request.orderId, outcome, code: refusal, durationMs, ...causeOf(request.cause) },
      `command ${command} ${outcome}`,
    );
  }
}
