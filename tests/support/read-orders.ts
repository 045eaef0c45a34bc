import { dialectOf } from '#cli/operate/import/dialect.ts';
import { readCsv } from '#cli/operate/import/csv.ts';
import { orders, survey } from '#cli/operate/import/group.ts';
import type { Input } from '#cli/operate/import/input.ts';
import { type MappingOptions, mappingChoice, mappingOf } from '#cli/operate/import/mapping.ts';
import { type ReadOrder, readOrder, type RequestSettings } from '#cli/operate/import/request.ts';

/** Reads orders out of a text as `olms import orders` does, and sends nothing. */

export interface ReadFile {
  readonly preset: string;
  readonly orders: readonly ReadOrder[];
}

export function inputOf(bytes: Uint8Array): Input {
  return {
    name: 'a file',
    async *read() {
      yield bytes;
    },
    close: async () => {},
  };
}

export async function readOrders(
  file: string | Uint8Array,
  options: MappingOptions = {},
  settings: Partial<RequestSettings> = {},
): Promise<ReadFile> {
  const input = inputOf(typeof file === 'string' ? new TextEncoder().encode(file) : file);
  const choice = await mappingChoice(options);
  const dialect = await dialectOf(input, choice.dialect);
  const records = (): ReturnType<typeof readCsv> => readCsv(input.read(), dialect);
  const first = records();
  const header = (await first.next()).value!.fields as readonly string[];
  const mapping = mappingOf(choice, header);
  const surveyed = await survey(first, mapping);
  const second = records();
  await second.next();
  const asked: RequestSettings = {
    mapping,
    as: 'history',
    source: mapping.name,
    channel: mapping.name,
    payment: { token: 'tok_approve' },
    ...settings,
  };
  const found: ReadOrder[] = [];
  for await (const order of orders(second, mapping, surveyed)) found.push(readOrder(order, asked));
  return { preset: mapping.name, orders: found };
}
