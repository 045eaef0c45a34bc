import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '#tests/deploy/files.ts';
import { readDocument } from '#tests/support/published.ts';

/**
 * What the screens of the console change: every act by the operation that it asks for, and the words of the buttons that
 * lead to it. Whoever may not ask for the operation sees none of them.
 */

export interface ConsoleAct {
  /** Id of an operation of the API, or method and path of one of the console's own. */
  readonly operation: string;
  /** Words of what leads to it, as a whole. */
  readonly buttons: readonly (string | RegExp)[];
  /** What it needs beside the permission of its operation. */
  readonly also?: readonly string[];
}

export const ACTS: readonly ConsoleAct[] = [
  // An order.
  { operation: 'holdOrder', buttons: ['Put on hold'] },
  { operation: 'releaseOrder', buttons: [/^Release( “.*)?$/] },
  { operation: 'cancelOrder', buttons: ['Cancel order'] },
  { operation: 'cancelItems', buttons: ['Cancel items', /^Cancel pieces/] },
  { operation: 'requestRefund', buttons: ['Refund'] },
  { operation: 'requestReturn', buttons: ['Register return'] },
  { operation: 'amendOrder', buttons: ['Edit contact and address', 'Edit notes and tags', 'Edit'] },
  { operation: 'payAgain', buttons: ['Pay again'] },
  { operation: 'openClaim', buttons: ['Open a claim'] },
  { operation: 'closeReturn', buttons: ['Close return'] },
  { operation: 'forecastOrder', buttons: [] },
  { operation: 'completeOrder', buttons: ['Declare complete'] },
  { operation: 'retryParkedOrder', buttons: ['Retry', 'Edit and retry'] },
  { operation: 'skipParkedOrder', buttons: ['Skip', 'Skip the event'] },
  { operation: 'runBulk', buttons: ['Act on these'] },
  { operation: 'stopBulk', buttons: [] },
  // Reviews.
  { operation: 'approveReview', buttons: [/^Approvea?$/] },
  { operation: 'rejectReview', buttons: [/^Rejectr?$/] },
  // Payments.
  { operation: 'refreshPayment', buttons: [/^Ask .* now$/] },
  { operation: 'recordPayment', buttons: ['Record money received'] },
  { operation: 'giveBackOverpayment', buttons: ['Record money given back'] },
  { operation: 'recordPaymentOperation', buttons: [/^Record (what|that)/] },
  // Goods.
  { operation: 'adjustStock', buttons: ['Receive or take', 'Count', /^Count: /] },
  { operation: 'putProduct', buttons: ['New product', 'Edit product'] },
  { operation: 'putLocation', buttons: ['New location'] },
  { operation: 'dispatchShipment', buttons: ['Scan', 'Hand to the carrier'] },
  { operation: 'correctTracking', buttons: [/^Correct/] },
  { operation: 'receiveReturn', buttons: ['Receive return', 'Returns'] },
  { operation: 'deliverShipment', buttons: ['Note as delivered'] },
  { operation: 'damageShipment', buttons: ['Note as damaged'] },
  { operation: 'loseShipment', buttons: ['Note as lost'] },
  { operation: 'returnShipment', buttons: ['Note as come back'] },
  { operation: 'resendNotification', buttons: [/^Send again(: .*)?$/, 'Send once more'] },
  // People, keys, one's own account.
  { operation: 'createApiKey', buttons: ['Create a key'] },
  { operation: 'rotateApiKey', buttons: [/^Rotate/] },
  { operation: 'revokeApiKey', buttons: [/^Revoke/] },
  { operation: 'POST /console/people', buttons: ['Invite somebody', 'Let in again'] },
  { operation: 'POST /console/people/{name}/link', buttons: ['Another link'] },
  { operation: 'PUT /console/people/{name}/roles', buttons: ['Change roles', /^Actions for/] },
  { operation: 'DELETE /console/people/{name}/sessions', buttons: ['End sessions'] },
  { operation: 'DELETE /console/people/{name}', buttons: ['Keep out'] },
];

/** What is taken out of the system as a file, and what only some may read by a button of its own. */
export const READS: readonly { readonly buttons: readonly (string | RegExp)[]; readonly needs: readonly string[] }[] = [
  { buttons: ['Export'], needs: ['exports:read'] },
  { buttons: ['Packing slip', 'Packing slips', 'Pick list'], needs: ['slips:read'] },
  { buttons: ['Runs'], needs: ['bulk:run'] },
  { buttons: ['People', 'API keys'], needs: ['keys:manage'] },
];

/** What everybody who is signed in may do to their own account. */
export const OWN: readonly string[] = [
  'DELETE /console/session',
  'POST /console/session',
  'PUT /console/session/links',
  'POST /console/session/links',
  'PUT /console/session/password',
  'DELETE /console/session/sessions',
  'DELETE /console/session/sessions/{id}',
  'POST /console/session/passkey',
  'POST /console/session/passkey/options',
  'POST /console/session/passkeys',
  'POST /console/session/passkeys/options',
  'DELETE /console/session/passkeys/{id}',
  // Who looks at an order.
  'PUT of order/presence.tsx',
  'DELETE of order/presence.tsx',
];

export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly permission: string;
}

const { paths } = JSON.parse(readDocument('docs/api/openapi.json')) as {
  paths: Record<string, Record<string, { operationId: string; 'x-permission'?: string }>>;
};
const DESCRIBED = new Map<string, Operation>(
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId: id, 'x-permission': permission = '' }]) => [
      id,
      { id, method: method.toUpperCase(), path, permission },
    ]),
  ),
);

/** An operation by its id; the console's own paths need what managing people needs. */
export function operationOf(id: string): Operation | undefined {
  const own = /^([A-Z]+) (\/console\/people.*)$/.exec(id);
  if (own) return { id, method: own[1]!, path: own[2]!, permission: 'keys:manage' };
  return DESCRIBED.get(id);
}

/** Every permission that an act needs. */
export function needsOf({ operation, also = [] }: ConsoleAct): readonly string[] {
  return [operationOf(operation)!.permission, ...also];
}

/** What the code of the console asks for that changes something, by operation, with the files that do. */
export function changesInCode(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const folder = join(ROOT, 'console/src');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!/\.tsx?$/.test(name)) continue;
    const text = readFileSync(join(folder, name), 'utf8');
    const add = (id: string): void => void found.set(id, [...(found.get(id) ?? []), name]);
    for (const [, id] of text.matchAll(/\bapi\.(\w+)\(/g)) {
      const operation = DESCRIBED.get(id!);
      if (operation && operation.method !== 'GET') add(id!);
    }
    for (const [, method, path] of text.matchAll(/\bask(?:<[^(]*>)?\(\s*'(\w+)',\s*['`]([^'`]+)/g))
      if (method !== 'GET') add(`${method} /console${path!.replaceAll(/\$\{[^}]*\}/g, '{id}')}`);
    for (const [, method, of] of text.matchAll(/\bask(?:<[^(]*>)?\(\s*'(\w+)',\s*pathOf\([\w.]+(?:, '([^']+)')?\)/g))
      add(`${method} /console/people/{name}${of ?? ''}`);
    // What is in a variable is known by its file.
    for (const [, method] of text.matchAll(/\bask(?:<[^(]*>)?\(\s*'(\w+)',\s*(?!pathOf\()[^'`\s]/g))
      if (method !== 'GET') add(`${method} of ${name}`);
    // Whatever else is sent by hand must read.
    for (const [, method] of text.matchAll(/method: '(\w+)'/g)) if (method !== 'GET') add(`${method} by hand`);
  }
  return found;
}
