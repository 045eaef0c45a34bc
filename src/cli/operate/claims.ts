import type { Environment } from '#platform/runtime/settings.ts';
import { type ApiClient, withClient } from '#cli/client.ts';
import { print, printJson } from '#cli/output.ts';
import { orderNamed } from './find.ts';
import { claimTable } from './order-text.ts';
import type { OrderOptions } from './orders.ts';
import { piecesBySku } from './pieces.ts';

/** `olms claims`: what is done about parcels that did not arrive as they should, over the API. */

export async function listClaims(name: string, options: OrderOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const { claims = [] } = await client.readOrder({ id: await orderNamed(client, name) });
    if (options.json) printJson(claims);
    else print(claims.length === 0 ? 'nothing of this order is claimed' : claimTable(claims));
  });
}

export interface ClaimOptions extends OrderOptions {
  readonly kind: string;
  readonly resolution: string;
  readonly reason: string;
  /** `SKU=quantity`, once for each article; none: everything in the parcel. */
  readonly item?: readonly string[];
}

export async function openClaim(
  name: string,
  shipmentId: string,
  options: ClaimOptions,
  env: Environment,
): Promise<void> {
  const { kind, resolution, reason, item = [] } = options;
  const items = piecesBySku(item, '--item');
  await withClient(options, env, async (client) => {
    const id = await orderNamed(client, name);
    const what = { shipmentId, kind, resolution, reason } as Parameters<ApiClient['openClaim']>[1];
    const { claims = [] } = await client.openClaim({ id }, { ...what, ...(items.length > 0 && { items }) });
    if (options.json) printJson(claims);
    else print(claimTable(claims));
  });
}
