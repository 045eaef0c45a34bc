import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';
import type { ErrorCode, Refusal } from '#contracts/errors.ts';
import { amountMinor } from '#contracts/money.ts';
import type { Permission } from '#contracts/permissions.ts';
import type { Database } from '#platform/database/database.ts';
import { commandOnce } from '#platform/http/commands.ts';
import { ifMatch, TAGS_PATTERN } from '#platform/http/conditional.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem, problemOfRefusal } from '#platform/http/problems.ts';
import { emptyBodyIsObject } from '#platform/http/server.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import { decisionOutcome, orderAsOf } from '#orders/as-of.ts';
import type { OrderRoutesOptions } from '#orders/routes.ts';
import type { Action } from '#orders/rules/lifecycle.ts';
import type { ArrivedPieces, OrderCommand, RefundedLine, RefundKind } from '#orders/rules/commands.ts';
import { isDeciding, type Order } from '#orders/rules/state.ts';
import * as goods from '#orders/goods-schemas.ts';
import { PaymentGiven } from '#orders/payment-schemas.ts';
import { RequestRefund } from '#orders/refund-schemas.ts';
import * as schemas from '#orders/schemas.ts';
import { allowedActions } from '#orders/view.ts';
import { checkCommand } from './checks.ts';
import { type Foreseeable, forecastRoute } from './forecast.ts';
import { loadOne, orderId, orderNotFound, sendOrder } from './answers.ts';

/** A cancellation that the warehouse decides on is answered with its outcome, if that comes soon. */
const CANCELLATION_WAIT_MS = 2_000;
const IF_MATCH = { description: 'ETags, of which the order must have one', pattern: TAGS_PATTERN };

type PayAgain = Extract<OrderCommand, { type: 'payAgain' }>;

interface CommandRoute<Schema extends TSchema> {
  readonly action: Action;
  readonly operationId: string;
  readonly permission: Permission;
  readonly method?: 'post' | 'patch';
  readonly url: string;
  readonly params?: TSchema;
  readonly summary: string;
  readonly body: Schema;
  readonly idempotencyKey?: 'required';
  /** Codes of this command, beside those of every command. */
  readonly refusals: readonly ErrorCode[];
  /** What it means where the outcome is not known yet, if that can be. */
  readonly maybeLater?: string;
  /** It makes something that did not exist, and is answered with 201. */
  readonly created?: boolean;
  readonly commandOf: (body: Static<Schema>, by: string, params: Record<string, string>) => OrderCommand;
}

/** What a command is answered with: 202 where its outcome is not known yet. */
interface Outcome {
  readonly code: 200 | 201 | 202;
  readonly row: Row<Order>;
  readonly updatedAt: string;
}

/** One route per command: idempotency, `If-Match`, the processor, and the order or the refusal as answer. */
export function commandRoutes(
  app: FastifyInstance,
  options: Pick<
    OrderRoutesOptions,
    'database' | 'processor' | 'peers' | 'mayRepeat' | 'waiters' | 'cached' | 'intake' | 'gives'
  >,
): void {
  const { database, processor, peers, mayRepeat, waiters, cached, intake, gives } = options;
  const commands = new Map<Action, Foreseeable>();

  command({
    action: 'cancel',
    operationId: 'cancelOrder',
    permission: 'orders:cancel',
    url: '/orders/:id/cancel',
    summary: 'Cancel an order before it ships',
    body: schemas.CancelOrder,
    refusals: ['ORDER_FINAL', 'ORDER_ALREADY_SHIPPED', 'CANCELLATION_PENDING'],
    maybeLater: 'The warehouse is deciding on the cancellation',
    commandOf: ({ reason = 'cancelled on request', customerMessage }, by) => ({
      type: 'cancel',
      reason,
      customerMessage,
      by,
    }),
  });
  command({
    action: 'cancelItems',
    operationId: 'cancelItems',
    permission: 'orders:cancel',
    url: '/orders/:id/cancellations',
    summary: 'Cancel pieces of an order, or everything that can still be stopped',
    body: goods.CancelItems,
    refusals: [
      'UNKNOWN_LINE',
      'QUANTITY_EXCEEDS_OPEN',
      'CHANGE_PENDING',
      'CANCELLATION_PENDING',
      'STOCK_UNDECIDED',
      'ORDER_ALREADY_SHIPPED',
      'ORDER_FINAL',
    ],
    maybeLater: 'The warehouse is deciding on the cancellation',
    commandOf: (body, by) => ({ type: 'cancelItems', ...body, by }),
  });
  command({
    action: 'payAgain',
    operationId: 'payAgain',
    permission: 'orders:place',
    url: '/orders/:id/payment',
    summary: 'Pay an order again whose payment failed, with another token or another provider',
    body: PaymentGiven,
    idempotencyKey: 'required',
    refusals: ['UNKNOWN_PROVIDER', 'PAYMENT_TOKEN_INVALID', 'ORDER_FINAL', 'ORDER_ALREADY_SHIPPED'],
    commandOf: ({ provider = '', token }) => ({ type: 'payAgain', provider, token }),
  });
  command({
    action: 'openClaim',
    operationId: 'openClaim',
    permission: 'claims:open',
    url: '/orders/:id/claims',
    summary: 'Refund or send again what did not arrive as it should',
    body: goods.OpenClaim,
    created: true,
    refusals: ['SHIPMENT_NOT_CLAIMABLE', 'CLAIM_EXISTS', 'RETURN_EXCEEDS_SHIPPED', 'UNKNOWN_SKU', 'ORDER_FINAL'],
    commandOf: ({ shipmentId, kind, items, resolution, reason, customerMessage }, by) => ({
      type: 'openClaim',
      shipmentId: shipmentId.toLowerCase(),
      kind,
      items,
      resolution: resolution as 'refund' | 'reship',
      reason,
      customerMessage,
      by,
    }),
  });
  command({
    action: 'hold',
    operationId: 'holdOrder',
    permission: 'orders:hold',
    url: '/orders/:id/hold',
    summary: 'Pause payment and shipment',
    body: schemas.HoldOrder,
    refusals: ['ORDER_FINAL', 'ORDER_ALREADY_SHIPPED', 'HOLD_EXISTS'],
    commandOf: (body, by) => ({ type: 'hold', hold: body.type ?? 'manual', reason: body.reason, by }),
  });
  command({
    action: 'release',
    operationId: 'releaseOrder',
    permission: 'orders:hold',
    url: '/orders/:id/release',
    summary: 'Release a hold',
    body: schemas.ReleaseOrder,
    refusals: ['ORDER_FINAL', 'ORDER_ALREADY_SHIPPED', 'HOLD_NOT_FOUND'],
    commandOf: (body, by) => ({
      type: 'release',
      hold: body.type ?? 'manual',
      reason: body.reason ?? 'released',
      by,
    }),
  });
  command({
    action: 'complete',
    operationId: 'completeOrder',
    permission: 'orders:complete',
    url: '/orders/:id/complete',
    summary: 'Declare a shipped order complete',
    body: schemas.CompleteOrder,
    refusals: ['ORDER_FINAL'],
    commandOf: (_, by) => ({ type: 'complete', by }),
  });
  command({
    action: 'requestReturn',
    operationId: 'requestReturn',
    permission: 'returns:request',
    url: '/orders/:id/returns',
    summary: 'Ask for a return',
    body: goods.RequestReturn,
    refusals: ['ORDER_FINAL', 'RETURN_EXCEEDS_SHIPPED'],
    commandOf: ({ items, lines, reason, reasonCode }, by) => {
      if (items && lines)
        throw new Problem('VALIDATION_FAILED', 'A return names its goods by `items` or by `lines`, not by both.', {
          errors: [{ pointer: '/lines', detail: 'must not stand beside /items' }],
        });
      return { type: 'requestReturn', items, lines, reason, reasonCode, by };
    },
  });
  command({
    action: 'receiveReturn',
    operationId: 'receiveReturn',
    permission: 'returns:receive',
    url: '/orders/:id/returns/:returnId/receive',
    params: schemas.ReturnParams,
    summary: 'Record that returned goods arrived',
    body: goods.ReceiveReturn,
    refusals: [
      'RETURN_NOT_FOUND',
      'RETURN_CLOSED',
      'RECEIVED_EXCEEDS_RETURN',
      'ORDER_FINAL',
      'LOCATION_UNKNOWN',
      'STOCK_TOO_LARGE',
      'UNKNOWN_SKU',
    ],
    commandOf: ({ location, items, lines, more, refund = true }, by, params) => ({
      type: 'receiveReturn',
      returnId: (params['returnId'] ?? '').toLowerCase(),
      location,
      pieces: piecesOf(items, lines),
      more,
      refund,
      by,
    }),
  });
  command({
    action: 'closeReturn',
    operationId: 'closeReturn',
    permission: 'returns:receive',
    url: '/orders/:id/returns/:returnId/close',
    params: schemas.ReturnParams,
    summary: 'Expect nothing more of a return',
    body: goods.CloseReturn,
    refusals: ['RETURN_NOT_FOUND', 'RETURN_CLOSED', 'ORDER_FINAL'],
    commandOf: ({ reason = 'closed on request' }, by, params) => ({
      type: 'closeReturn',
      returnId: (params['returnId'] ?? '').toLowerCase(),
      reason,
      by,
    }),
  });
  command({
    action: 'requestRefund',
    operationId: 'requestRefund',
    permission: 'refunds:request',
    url: '/orders/:id/refunds',
    summary: 'Give money back',
    body: RequestRefund,
    idempotencyKey: 'required',
    refusals: ['AMOUNT_INVALID', 'ORDER_FINAL', 'REFUND_EXCEEDS_CAPTURED', 'PAYMENT_DISPUTED', 'UNKNOWN_LINE'],
    commandOf: ({ kind, lines, ...body }, by) => {
      const beside = !lines ? undefined : body.amount !== undefined ? '/amount' : kind === 'owed' ? '/kind' : undefined;
      if (beside)
        throw new Problem(
          'VALIDATION_FAILED',
          'A refund of `lines` gives beyond what is owed, and its amount is theirs: leave out `amount` and `"kind": "owed"`.',
          { errors: [{ pointer: beside, detail: 'must not stand beside /lines' }] },
        );
      return {
        type: 'requestRefund',
        ...body,
        kind: kind as RefundKind | undefined,
        lines: lines as readonly RefundedLine[] | undefined,
        by,
      };
    },
  });
  command({
    action: 'amend',
    operationId: 'amendOrder',
    permission: 'orders:amend',
    method: 'patch',
    url: '/orders/:id',
    summary:
      'Change address, contact, reference or metadata (RFC 7396): what is given is set, null takes away, the rest stays',
    body: schemas.AmendOrder,
    refusals: ['REFERENCE_TAKEN', 'ORDER_FINAL', 'ORDER_ALREADY_SHIPPED'],
    commandOf: (body, by) => ({ type: 'amend', changes: body, by }),
  });
  forecastRoute(app, { database, clock: gives.clock, rules: gives.rules, commands, checked, problemOf });

  function command<Schema extends TSchema>(described: CommandRoute<Schema>): void {
    const { method = 'post', commandOf, refusals, idempotencyKey = 'accepted', maybeLater } = described;
    commands.set(described.action, described);
    const done = answer('The order as the command left it', schemas.OrderView, { headers: ['ETag'] });
    app[method]<{ Params: Record<string, string> }>(
      described.url,
      {
        config: {
          permission: described.permission,
          ofCustomer: 'order',
          idempotencyKey,
          headers: { 'If-Match': IF_MATCH },
          refusals: ['ORDER_NOT_FOUND', 'ACTION_NOT_ALLOWED', 'VERSION_MISMATCH', 'OVERLOADED', ...refusals],
        },
        schema: {
          operationId: described.operationId,
          tags: ['orders'],
          summary: described.summary,
          params: described.params ?? schemas.OrderParams,
          body: described.body,
          response: {
            [described.created ? 201 : 200]: done,
            ...(maybeLater && { 202: answer(maybeLater, schemas.OrderView, { headers: ['ETag'] }) }),
          },
        },
        preValidation: emptyBodyIsObject,
      },
      async (request, reply) => {
        const id = orderId(request);
        const command = commandOf(request.body as Static<Schema>, request.principal.name, request.params);
        const outcome = await commandOnce<Order, OrderCommand, Outcome>(request, {
          database,
          processor,
          async wanted() {
            const given = await checked(command, id);
            return { orderId: id, command: given, expectedSequence: await expectedSequence(request, database, id) };
          },
          answer: ({ row, events }) => outcomeOf(command, row, events.at(-1)?.time ?? new Date().toISOString()),
          async repeat(stored) {
            const row = await orderAsOf(database, stored.orderId, String(stored.sequence));
            return outcomeOf(command, row, row.updatedAt);
          },
          async refused(refusal) {
            await cached?.orders.changed(id);
            return problemOf(id, refusal);
          },
        });
        return sendOrder(reply.code(outcome.code), outcome.row, outcome.updatedAt);
      },
    );
  }

  /** The command as it reaches the order; throws what is refused before that. */
  async function checked(given: OrderCommand, id: string): Promise<OrderCommand> {
    await checkCommand(given, id, { database, peers, mayRepeat });
    return given.type === 'payAgain' ? payableCommand(given, id) : given;
  }

  /** The command with the provider that takes the payment, as at placement. */
  async function payableCommand({ provider, token }: PayAgain, id: string): Promise<PayAgain> {
    const { totalAmount, currency } = (await loadOne(database, id)).state!;
    const named = provider === '' ? { token } : { provider, token };
    return { type: 'payAgain', ...(await intake.payable(named, amountMinor(totalAmount, currency))) };
  }

  /** The order as the command left it. A cancellation the warehouse decides on is answered with its outcome, if that comes soon, and a repeat of it alike. */
  async function outcomeOf(command: OrderCommand, row: Row<Order>, updatedAt: string): Promise<Outcome> {
    const asks = command.type === 'cancel' || command.type === 'cancelItems';
    const waits = asks && isDeciding(row.state!);
    if (waits) await waiters.waitFor({ row, updatedAt }, CANCELLATION_WAIT_MS, (order) => !isDeciding(order));
    await cached?.orders.changed(row.id);
    if (!waits) return { code: command.type === 'openClaim' ? 201 : 200, row, updatedAt };
    const outcome = await decisionOutcome(database, row.id, row.sequence);
    return outcome ? { code: 200, row: outcome, updatedAt: outcome.updatedAt } : { code: 202, row, updatedAt };
  }

  async function problemOf(id: string, refusal: Refusal): Promise<Problem> {
    if (refusal.refused === 'ORDER_NOT_FOUND') return orderNotFound();
    // What did not reach the order was not refused by it.
    if (refusal.refused === 'UNAVAILABLE') return problemOfRefusal(refusal);
    const { state } = await loadOne(database, id);
    return problemOfRefusal(refusal, { orderStatus: state!.status, allowedActions: allowedActions(state!).allowed });
  }
}

/** Pieces by SKU and by line as one list; undefined where neither is given. */
function piecesOf(
  items: Static<typeof goods.ReceiveReturn>['items'],
  lines: Static<typeof goods.ReceiveReturn>['lines'],
): readonly ArrivedPieces[] | undefined {
  return items || lines ? ([...(items ?? []), ...(lines ?? [])] as ArrivedPieces[]) : undefined;
}

/** What no order has. */
const NEVER = -1;

/** The version that `If-Match` names; of several the one that the order has now, if it has one of them. */
async function expectedSequence(request: FastifyRequest, database: Database, id: string): Promise<number | undefined> {
  const tags = ifMatch(request);
  if (tags === undefined || tags === '*') return undefined;
  // A weak tag names a version that is the same for most purposes, and a change is none of those.
  const versions = tags.flatMap(({ weak, value }) => (!weak && /^\d{1,9}$/.test(value) ? [Number(value)] : []));
  if (versions.length <= 1) return versions[0] ?? NEVER;
  const { sequence } = await loadOne(database, id);
  return versions.includes(sequence) ? sequence : NEVER;
}
