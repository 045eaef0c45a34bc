import { ordersAudit } from '#orders/audit.ts';
import type { Claim, Order } from '#orders/rules/state.ts';
import type { Findings } from './findings.ts';
import type { OrderFile } from './pages.ts';

/** Goods that are sent again: each claim that says so has its order, or one is about to be placed. */

/** The claims of an order that send goods again. */
export function reshipments({ claims = [] }: Order): readonly (Claim & { readonly followUpId: string })[] {
  return claims.filter((claim): claim is Claim & { followUpId: string } => claim.followUpId !== undefined);
}

export function examineReplacements(file: OrderFile, order: Order, findings: Findings): void {
  const { followUps } = file.rowOf(ordersAudit)!;
  for (const { claimId, followUpId, status: ended } of reshipments(order)) {
    const what = `claim ${claimId} sends goods again by order ${followUpId}`;
    const { status, awaited, refusal } = followUps?.get(followUpId) ?? {};
    if (status === undefined) {
      if (refusal) findings.report('replacements', `${what}, which cannot be placed: ${refusal}`);
      else if (!awaited || ended !== undefined)
        findings.report('replacements', `${what}, which does not exist, and nobody is to place it`);
      else findings.reportOpen('replacements', `${what}, which is being placed`);
    } else if (ended !== undefined && ended !== status)
      findings.report('replacements', `${what}, which is ${status}; the claim says ${ended}`);
  }
}
