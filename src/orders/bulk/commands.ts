import type { Permission } from '#contracts/permissions.ts';
import { Problem } from '#platform/http/problems.ts';
import type { OrderCommand } from '#orders/rules/commands.ts';

/** The commands that are given to many orders at once: those that need nothing said of a single order. */

export interface BulkArguments {
  readonly reason?: string;
  readonly customerMessage?: string;
  /** Of a hold. */
  readonly type?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

interface BulkCommand {
  /** What it needs of whoever gives it, beside the permission for runs. */
  readonly permission: Permission;
  readonly takes: readonly (keyof BulkArguments)[];
  readonly needs: readonly (keyof BulkArguments)[];
  readonly commandOf: (given: BulkArguments, by: string) => OrderCommand;
}

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
} as const satisfies Record<string, BulkCommand>;

export type BulkCommandName = keyof typeof BULK_COMMANDS;

/** Throws the {@link Problem} of arguments that the command does not take, or lacks. */
export function checkArguments(name: BulkCommandName, given: BulkArguments): void {
  const { takes, needs }: BulkCommand = BULK_COMMANDS[name];
  const surplus = (Object.keys(given) as (keyof BulkArguments)[]).filter((argument) => !takes.includes(argument));
  const lacking = needs.filter((argument) => given[argument] === undefined);
  const errors = [
    ...surplus.map((argument) => ({ pointer: `/arguments/${argument}`, detail: `is nothing that ${name} takes` })),
    ...lacking.map((argument) => ({ pointer: `/arguments/${argument}`, detail: 'is missing' })),
  ];
  if (errors.length > 0)
    throw new Problem(
      'VALIDATION_FAILED',
      takes.length === 0 ? `${name} takes no arguments.` : `${name} takes ${takes.join(', ')}.`,
      { errors },
    );
}

/** The command that a run gives to each of its orders. */
export function commandOf(name: BulkCommandName, given: BulkArguments, by: string): OrderCommand {
  return BULK_COMMANDS[name].commandOf(given, by);
}
