import type { FastifyInstance } from 'fastify';
import { type TSchema, Type } from 'typebox';

/**
 * Parameters of a query that take several values. They are repeated (`status=PAID&status=SHIPPED`); where no value can hold
 * a comma, because only ids or known words are meant, commas do as well (`status=PAID,SHIPPED`).
 */

export const SEVERAL_MAX = 200;

/** One value or several of them, as a list either way. */
export function Several<Item extends TSchema>(item: Item, description?: string) {
  return Type.Array(item, { minItems: 1, maxItems: SEVERAL_MAX, ...(description !== undefined && { description }) });
}

interface ListSchema {
  readonly type?: unknown;
  readonly items?: { readonly enum?: unknown; readonly format?: unknown };
}

const takesCommas = ({ items }: ListSchema): boolean => items?.enum !== undefined || items?.format === 'uuid';

/** What was sent for a parameter, as a list; a comma with nothing on one side of it is passed over. */
export function valuesOf(sent: unknown, commas: boolean): unknown[] {
  const values = [sent].flat();
  if (!commas) return values;
  const parts = values.flatMap((value) => (typeof value === 'string' ? value.split(',') : [value]));
  const words = parts.map((part) => (typeof part === 'string' ? part.trim() : part));
  return words.length > 1 ? words.filter((word) => word !== '') : words;
}

/** Makes lists of the parameters that are lists by their schema, in every route registered from here on, before they are checked. */
export function takeSeveral(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { properties = {} } = (route.schema?.querystring ?? {}) as { properties?: Record<string, ListSchema> };
    const lists = Object.entries(properties)
      .filter(([, schema]) => schema.type === 'array')
      .map(([name, schema]) => [name, takesCommas(schema)] as const);
    if (lists.length === 0) return;
    route.preValidation = [
      async ({ query }) => {
        const sent = query as Record<string, unknown>;
        for (const [name, commas] of lists) if (sent[name] !== undefined) sent[name] = valuesOf(sent[name], commas);
      },
      ...[route.preValidation ?? []].flat(),
    ];
  });
}

/** Ids that were asked for, in small letters, each once. */
export function idsOf(ids: readonly string[] | undefined): readonly string[] | undefined {
  return ids && [...new Set(ids.map((id) => id.toLowerCase()))];
}
