import { standardHeadProblem, standardProblem } from '#platform/http/standard-webhooks.ts';
import type { Carrier } from './port.ts';

/** A carrier, or a service that follows many of them, which sends signed messages to `POST /webhooks/carriers/{name}`. */
export function webhookCarrier(name: string, secrets: readonly string[]): Carrier {
  return {
    name,
    nextStepMs: () => undefined,
    feed: {
      headProblem: standardHeadProblem,
      problem: ({ headers, body, nowMs }) => standardProblem(headers, body, secrets, nowMs),
    },
  };
}
