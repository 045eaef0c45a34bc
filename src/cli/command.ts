import { InvalidArgumentError } from 'commander';
import type { Environment } from '#platform/runtime/settings.ts';

/** What a command of `olms` is. */

export interface Option {
  readonly flags: string;
  readonly description?: string;
  readonly parse?: (text: string, before: never) => unknown;
  readonly fallback?: unknown;
  readonly required?: true;
}

export interface CommandDefinition {
  /** With the group before it and the arguments behind it: `orders show <order>`. */
  readonly name: string;
  readonly description: string;
  /** Calls the API of a running system, so that it takes `--url` and `--key`. */
  readonly remote?: true;
  /** What its group does where no command of it is named. */
  readonly isDefault?: true;
  readonly options?: readonly Option[];
  /** Exit code of a wrong call, where it is not 1. */
  readonly usageExit?: number;
  /** Loads the file of the command, and runs it. */
  run(env: Environment, options: object, ...args: string[]): Promise<void>;
}

export function option(flags: string, description?: string, parse?: Option['parse'], fallback?: unknown): Option {
  return {
    flags,
    ...(description !== undefined && { description }),
    ...(parse && { parse }),
    ...(fallback !== undefined && { fallback }),
  };
}

export function required(flags: string, description?: string): Option {
  return { ...option(flags, description), required: true };
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError('Give a number above 0.');
  return value;
}

export function percent(text: string): number {
  const value = wholeNumber(text);
  if (value < 1 || value > 100) throw new InvalidArgumentError('Give a number from 1 to 100.');
  return value;
}

export function signedNumber(text: string): number {
  if (!/^[+-]?\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number, such as 5 or -2.');
  return Number(text);
}

/** Collects an option that may be given several times. */
export const another = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export const JSON_OUTPUT = option('--json', 'for programs');
