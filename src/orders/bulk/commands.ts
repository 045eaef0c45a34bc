import type { BulkArguments } from '#contracts/many-orders.ts';
import type { Peers } from '#contracts/peers.ts';
import type { Permission } from '#contracts/permissions.ts';
import { Problem } from '#platform/http/problems.ts';
import type { OrderCommand } from '#orders/rules/commands.ts';

/** The commands that are given to many orders at once: those that need nothing said of a single order. */

interface BulkCommand {
  /** What it needs of whoever gives it, beside the permission for runs. */
  readonly permission: Permission;
  readonly takes: readonly (keyof BulkArguments)[];
  readonly needs: readonly (keyof BulkArguments)[];
  /** It needs one of these, and no two of them. */
  readonly needsOneOf?: readonly (keyof BulkArguments)[];
  /** What the order is asked; undefined where another service decides. */
  readonly commandOf?: (given: BulkArguments, by: string) => OrderCommand;
  /** The call to the service that decides. */
  readonly elsewhere?: keyof ManyPeers;
}

/** Other services that take a command for many orders. */
export type ManyPeers = Pick<Peers, 'decideReviews' | 'dispatchOrders'>;

export const BULK_COMMANDS = {
  cancel: {
    permission: 'orders:cancel',
    takes: ['reason', 'customerMessage'],
    needs: [],
    commandOf: ({ reason = 'cancelled on request', customerMessage }, by) => ({
      type: 'cancel',
      reason,
      customerMessage,
      by,
    }),
  },
  hold: {
    permission: 'orders:hold',
    takes: ['reason', 'type'],
    needs: ['reason'],
    commandOf: ({ type = 'manual', reason = '' }, by) => ({ type: 'hold', hold: type, reason, by }),
  },
  release: {
    permission: 'orders:hold',
    takes: ['reason', 'type'],
    needs: [],
    commandOf: ({ type = 'manual', reason = 'released' }, by) => ({ type: 'release', hold: type, reason, by }),
  },
  complete: {
    permission: 'orders:complete',
    takes: [],
    needs: [],
    commandOf: (_, by) => ({ type: 'complete', by }),
  },
  tag: {
    permission: 'orders:amend',
    takes: ['metadata'],
    needs: ['metadata'],
    commandOf: ({ metadata }, by) => ({ type: 'amend', changes: { metadata } as never, by }),
  },
  approve: { permission: 'reviews:decide', takes: ['reason'], needs: ['reason'], elsewhere: 'decideReviews' },
  reject: {
    permission: 'reviews:decide',
    takes: ['reason', 'customerMessage'],
    needs: ['reason'],
    elsewhere: 'decideReviews',
  },
  dispatch: {
    permission: 'shipments:move',
    takes: ['carrier', 'trackingNumber', 'trackingNumbers'],
    needs: ['carrier'],
    needsOneOf: ['trackingNumber', 'trackingNumbers'],
    elsewhere: 'dispatchOrders',
  },
} as const satisfies Record<string, BulkCommand>;

export type BulkCommandName = keyof typeof BULK_COMMANDS;

/** A command by its name. */
export function bulkCommand(name: BulkCommandName): BulkCommand {
  return BULK_COMMANDS[name];
}

/** Throws the {@link Problem} of arguments that the command does not take, or lacks. */
export function checkArguments(name: BulkCommandName, given: BulkArguments): void {
  const { takes, needs, needsOneOf = [] } = bulkCommand(name);
  const oneOf = needsOneOf.filter((argument) => given[argument] !== undefined);
  const surplus = (Object.keys(given) as (keyof BulkArguments)[]).filter((argument) => !takes.includes(argument));
  const lacking = needs.filter((argument) => given[argument] === undefined);
  const errors = [
    ...surplus.map((argument) => ({ pointer: `/arguments/${argument}`, detail: `is nothing that ${name} takes` })),
    ...lacking.map((argument) => ({ pointer: `/arguments/${argument}`, detail: 'is missing' })),
    ...(needsOneOf.length > 0 && oneOf.length !== 1
      ? [{ pointer: '/arguments', detail: `must have either ${needsOneOf.join(' or ')}` }]
      : []),
  ];
  if (errors.length > 0)
    throw new Problem(
      'VALIDATION_FAILED',
      takes.length === 0 ? `${name} takes no arguments.` : `${name} takes ${takes.join(', ')}.`,
      { errors },
    );
}
