import { standardHeadProblem, standardProblem } from '#platform/http/standard-webhooks.ts';
import type { ProviderNotice, ProviderWebhooks } from './port.ts';

/** Webhooks in JSON, signed with this secret by the Standard Webhooks specification. */
export function standardWebhooks(
  secret: string,
  noticeOf: (payload: unknown) => ProviderNotice | undefined,
): ProviderWebhooks {
  return {
    headProblem: standardHeadProblem,
    async read(headers, body, nowMs) {
      const problem = standardProblem(headers, body, [secret], nowMs);
      return problem === undefined ? { notice: noticeOf(JSON.parse(body.toString())) } : { problem };
    },
  };
}
