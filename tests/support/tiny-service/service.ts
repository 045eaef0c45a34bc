import { join } from 'node:path';
import { Type } from 'typebox';
import type { ServiceAudit } from '#platform/audit.ts';
import type { Database } from '#platform/database/database.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem } from '#platform/http/problems.ts';
import { IdText } from '#platform/http/schemas.ts';
import { ignore, type Rules } from '#platform/processor/aggregate.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import { Processor } from '#platform/processor/processor.ts';
import type { ServiceDefinition } from '#platform/service.ts';

/** The smallest service that has everything: it counts the pieces of an order that are to be wrapped. */

interface Wrapping {
  readonly pieces: number;
}

const rules: Rules<Wrapping, never> = {
  source: '/olms/tiny',
  consumes: ['OrderCreated'],
  react(event, wrapping) {
    if (wrapping || event.type !== 'OrderCreated') return ignore('the pieces are counted');
    return { state: { pieces: event.data.items.reduce((sum, { quantity }) => sum + quantity, 0) }, events: [] };
  },
  decide: () => ({ refused: 'NOT_FOUND', detail: 'There are no commands.' }),
};

interface StoredWrapping extends Record<string, unknown> {
  order_id: string;
  version: number;
  sequence: number;
  seen: Record<string, number>;
  pieces: number;
}

const store: ProcessorStore<Wrapping, never> = {
  async load(database, ids) {
    const rows = await database.query<StoredWrapping>('select * from tiny.wrappings where order_id = any($1::uuid[])', [
      ids,
    ]);
    return new Map(
      rows.map(({ order_id: id, version, sequence, seen, pieces }) => [
        id,
        { id, revision: version, sequence, consumed: seen, state: { pieces } },
      ]),
    );
  },
  save(changes): Write[] {
    const rows = changes
      .filter(({ before }) => before.revision === 0)
      .map(({ after: { id, revision, sequence, consumed, state } }) => ({
        order_id: id,
        version: revision,
        sequence,
        seen: consumed,
        pieces: state!.pieces,
      }));
    const columns = {
      order_id: 'uuid',
      version: 'integer',
      sequence: 'integer',
      seen: 'json',
      pieces: 'integer',
    } as const;
    return rows.length === 0 ? [] : [insertRows('wrappings', 'tiny.wrappings', columns, rows)];
  },
};

const PARTS: ProcessorParts<Wrapping, never, never, never> = { name: 'tiny', rules, store };

const audit: ServiceAudit = {
  checks: { wrapped: 'nothing is wrapped that has no pieces' },
  tables: ['tiny.wrappings'],
  async run({ database, examined, violation }) {
    const rows = await database.query<{ order_id: string; pieces: number }>(
      'select order_id, pieces from tiny.wrappings',
    );
    examined('wrapped', rows.length);
    for (const { order_id: id, pieces } of rows) if (pieces < 1) violation('wrapped', id, `has ${pieces} pieces`);
  },
};

async function piecesOf(database: Database, orderId: string): Promise<number> {
  const wrapping = (await store.load(database, [orderId])).get(orderId)?.state;
  if (!wrapping) throw new Problem('NOT_FOUND', 'Nothing of this order is to be wrapped.');
  return wrapping.pieces;
}

export const tiny: ServiceDefinition = {
  name: 'tiny',
  summary: 'Gifts are wrapped',
  tags: [{ name: 'wrappings', description: 'What is to be wrapped' }],
  paths: [{ path: '/wrappings/*' }],
  migrations: join(import.meta.dirname, 'migrations'),
  settings: {
    paper: { type: 'choice', choices: ['plain', 'stars'], env: 'TINY_PAPER', default: 'plain', meaning: 'What to use' },
  },
  replays: () => [replayable(PARTS, 'the test needs no rebuild')],
  audit,
  create({ database, bus, clock, logger, metrics }) {
    const processor = new Processor<Wrapping, never>({
      ...PARTS,
      database,
      bus,
      clock,
      logger,
      metrics: metrics.processor('tiny'),
    });
    return {
      consumer: processor,
      routes(app) {
        app.get<{ Params: { id: string } }>(
          '/wrappings/:id',
          {
            config: { permission: 'stock:read' },
            schema: {
              operationId: 'readWrapping',
              tags: ['wrappings'],
              summary: 'How much of an order is to be wrapped',
              params: Type.Object({ id: IdText }),
              response: { 200: answer('The pieces', Type.Object({ pieces: Type.Integer() })) },
            },
          },
          async (request) => ({ pieces: await piecesOf(database, request.params.id.toLowerCase()) }),
        );
      },
      start: () => processor.start(),
      stop: () => processor.stop(),
      settled: () => processor.settled(),
    };
  },
};
