import { type Columns, insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';

/** The smallest store that a processor can have: a table whose columns are those of a row, the state as JSON. */

export const ROW_COLUMNS: Columns = {
  order_id: 'uuid',
  revision: 'integer',
  sequence: 'integer',
  consumed: 'json',
  state: 'json',
};

/** `insert` writes rows that are new; by default one that is there already fails the batch. */
export function rowStore<State>(
  table: string,
  insert: (rows: Record<string, unknown>[]) => Write = (rows) => insertRows('fresh', table, ROW_COLUMNS, rows),
): ProcessorStore<State, never> {
  return {
    async load(database, ids) {
      const rows = await database.query<{ order_id: string } & Omit<Row<State>, 'id'>>(
        `select order_id, revision, sequence, consumed, state from ${table} where order_id = any($1::uuid[])`,
        [ids],
      );
      return new Map(rows.map(({ order_id: id, ...row }) => [id, { id, ...row }]));
    },
    save(changes) {
      const rowOf = ({ id, ...row }: Row<State>): Record<string, unknown> => ({ order_id: id, ...row });
      const fresh = changes.filter(({ before }) => before.revision === 0).map(({ after }) => rowOf(after));
      const changed = changes.filter(({ before }) => before.revision > 0).map(({ after }) => rowOf(after));
      const writes: Write[] = [];
      if (fresh.length > 0) writes.push(insert(fresh));
      if (changed.length > 0)
        writes.push(updateRows('changed', table, ['order_id'], ROW_COLUMNS, changed, { revision: 'revision' }));
      return writes;
    },
  };
}
