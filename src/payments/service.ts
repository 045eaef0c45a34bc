import { SOURCES } from '#contracts/order-events.ts';
import { MANUAL } from '#contracts/payment-providers.ts';
import { join } from 'node:path';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import type { Cause } from '#platform/processor/aggregate.ts';
import { type DuePoller, startDuePoller } from '#platform/processor/due.ts';
import type { Done } from '#platform/processor/batch.ts';
import { Problem } from '#platform/http/problems.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import { Processor } from '#platform/processor/processor.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import type { Service, ServiceDefinition, ServiceDependencies } from '#platform/service.ts';
import { paymentsAudit } from './audit.ts';
import { paymentsDiagnosis } from './diagnosis.ts';
import { type PaymentsConfig, readConfig, settings } from './settings.ts';
import { measureWaiting, moneyCounter, paymentsMetrics } from './metrics.ts';
import { byHandRoute } from './by-hand.ts';
import { ProviderCalls } from './providers/calls.ts';
import { providerChecks } from './providers/checks.ts';
import { createProviders } from './providers/providers.ts';
import { forgetNotices, keepNotice, matchedNotices, noticesRoute } from './notices.ts';
import type { ProviderNotice } from './providers/port.ts';
import { nextActionsOf, refreshRoute } from './next-action.ts';
import { recordRoute } from './record.ts';
import { paymentRoutes } from './routes.ts';
import { nextAttemptOf, type Payment, type PaymentCommand, type PaymentEffect } from './rules/model.ts';
import { isOpen, type Operation } from './rules/operation.ts';
import { eventsToRead, paymentRules } from './rules.ts';
import { WEBHOOK_MAX_BYTES } from '#platform/http/standard-webhooks.ts';
import { webhookHeadProblem } from './providers/webhook-head.ts';
import {
  duePayments,
  hasAuthorizations,
  listPayments,
  paymentStore,
  readPayments,
  waitingForOtherProviders,
} from './store.ts';

const RECONCILE_EVERY_MS = 1_000;
const DUE_PER_BATCH = 500;
const BATCHES_PER_RUN = 1_000;

function causeOf(operation: Operation): Cause {
  return { causationid: operation.id, correlationid: operation.correlationid, traceparent: operation.traceparent };
}

const NO_REBUILD =
  'what a provider was asked under which key, what it answered, and what is in doubt was never an event; only the provider could report it once more';

function partsOf(config: PaymentsConfig): ProcessorParts<Payment, PaymentCommand, PaymentEffect, never> {
  const { capture, timeoutMs, cancelSafetyMs, actionMs, reminders } = config;
  const providers = new Set(config.providers);
  const rules = paymentRules({ capture, providers, timeoutMs, cancelSafetyMs, actionMs, reminders });
  return { name: 'payments', rules, store: paymentStore };
}

/** Payments: asks providers for money and gives it back. */
export const payments: ServiceDefinition = {
  name: 'payments',
  summary: 'Authorize, capture, void, refund',
  tags: [{ name: 'payments', description: 'What was authorized, captured and given back' }],
  paths: [
    { path: '/payments' },
    { path: '/payments/*' },
    { path: '/exports/payments' },
    // Signed by the payment provider.
    {
      path: '/payments/webhooks/:provider',
      public: true,
      bodyMaxBytes: WEBHOOK_MAX_BYTES,
      refuse(headers) {
        const problem = webhookHeadProblem(headers, Date.now());
        return problem === undefined ? undefined : new Problem('WEBHOOK_SIGNATURE_INVALID', problem);
      },
    },
  ],
  emits: SOURCES.payments,
  offers: ['paymentProviders', 'nextActions'],
  migrations: join(import.meta.dirname, 'migrations'),
  settings,
  standIns(env) {
    const { providers } = readConfig(env);
    if (providers.length === 0)
      return [
        'payments: no provider is configured, so no order can be paid; PAYMENTS_PROVIDERS names those in use, SANDBOX_ENABLED=true takes play money',
      ];
    return providers.includes('sandbox') ? ['payments: the sandbox provider, which moves play money'] : [];
  },
  replays: (env) => [replayable(partsOf(readConfig(env)), NO_REBUILD)],
  audit: paymentsAudit,
  diagnosis: paymentsDiagnosis,
  create(dependencies: ServiceDependencies): Service {
    const { env, database, bus, clock, logger, metrics, tracing } = dependencies;
    const config = readConfig(env, dependencies.processSecret);
    const providers = createProviders(config);
    const parts = partsOf(config);
    const submit = (orderId: string, command: PaymentCommand, cause: Cause): Promise<Done<Payment> | Refusal> =>
      processor.submit({ orderId, command, cause });
    const calls = new ProviderCalls({
      providers,
      concurrency: config.concurrency,
      queueMax: config.queueMax,
      breakerOpenMs: config.breakerOpenMs,
      nowMs: () => clock.nowMs(),
      logger,
      metrics: paymentsMetrics(metrics),
      tracing,
      onOutcome: (effect, result) =>
        submit(
          effect.orderId,
          effect.look === undefined
            ? { type: 'outcome', key: effect.operation.key, call: effect.operation.lastCall, result }
            : { type: 'books', look: effect.look, result },
          causeOf(effect.operation),
        ),
    });
    const processor = new Processor<Payment, PaymentCommand, PaymentEffect>({
      ...parts,
      opensWith: ['OrderPaymentRequested', 'OrderImported'],
      database,
      bus,
      clock,
      logger,
      metrics: metrics.processor('payments'),
      tracing,
      perform: (effects) => calls.perform(effects),
      committed: moneyCounter(metrics),
    });
    measureWaiting(metrics, database, config.providers, () => clock.nowMs());

    /** Looks after every operation whose time has come: after a lost reply, an outage, or a crash between saving and calling. */
    async function reconcile(): Promise<void> {
      // Side by side: a provider that hangs keeps no other one waiting.
      await Promise.all([...[...providers.keys()].map(reconcileProvider), remindCustomers(), readNotices()]);
    }
    /** Of payments whose money people receive, what is due is a reminder. */
    async function remindCustomers(): Promise<void> {
      if (!config.providers.includes(MANUAL)) return;
      for (let batch = 0; batch < BATCHES_PER_RUN; batch++) {
        const due = await duePayments(database, clock.nowMs(), MANUAL, DUE_PER_BATCH);
        const answers = await Promise.all(due.map((orderId) => lookAfter(orderId)));
        if (due.length < DUE_PER_BATCH || answers.every(isRefusal)) return;
      }
    }
    async function reconcileProvider(provider: string): Promise<void> {
      await calls.probe(provider);
      for (let batch = 0; batch < BATCHES_PER_RUN; batch++) {
        const limit = Math.min(DUE_PER_BATCH, await calls.room(provider));
        if (limit <= 0) break;
        const due = await duePayments(database, clock.nowMs(), provider, limit);
        const answers = await Promise.all(due.map((orderId) => lookAfter(orderId)));
        // A full batch may have left something; one of which every command was refused would only be read once more.
        if (due.length < limit || answers.every(isRefusal)) break;
      }
    }
    async function lookAfter(orderId: string): Promise<Done<Payment> | Refusal> {
      const { state } = await processor.read(orderId);
      const operation = state?.operations.find((candidate) => candidate.nextAttemptAt !== undefined);
      return submit(
        orderId,
        { type: 'due' },
        operation ? causeOf(operation) : { causationid: orderId, correlationid: orderId },
      );
    }
    /** Asks the provider now for whatever is open. */
    async function refresh(orderId: string): Promise<Done<Payment> | Refusal> {
      const { state } = await processor.read(orderId);
      const operation = state?.operations.find(isOpen);
      const cause = operation ? causeOf(operation) : { causationid: orderId, correlationid: orderId };
      return submit(orderId, { type: 'refresh' }, cause);
    }
    async function recordNotice(
      provider: string,
      notice: ProviderNotice,
    ): Promise<Done<Payment> | Refusal | undefined> {
      const { orderId, key, result } = notice;
      const { state } = await processor.read(orderId);
      const operation = state?.operations.find((candidate) => candidate.key === key);
      if (operation) return submit(orderId, { type: 'outcome', key: operation.key, result }, causeOf(operation));
      const first = key === undefined ? state?.operations[0] : undefined;
      if (first) return submit(orderId, { type: 'news' }, causeOf(first));
      await keepNotice(database, provider, notice, clock.nowMs());
      return undefined;
    }
    /** Notices that waited for a payment which is known by now: each is a reason to ask. */
    async function readNotices(): Promise<void> {
      const matched = await matchedNotices(database);
      if (matched.length === 0) return;
      await Promise.all([...new Set(matched.map(({ orderId }) => orderId))].map(refresh));
      await forgetNotices(database, matched);
    }

    let reconciliation: DuePoller | undefined;
    processor.onChange(({ state }) => {
      // A run in progress reads what is due by itself; the regular interval finds the rest.
      const next = state && !reconciliation?.running ? nextAttemptOf(state) : undefined;
      if (next !== undefined) reconciliation?.dueAt(next);
    });

    return {
      consumer: processor,
      checks: providerChecks(providers),
      peer: {
        paymentProviders: async () => config.providers,
        nextActions: async ({ ids }) => ({ actions: nextActionsOf(await readPayments(database, ids)) }),
      },
      routes(app) {
        paymentRoutes(app, {
          providers,
          nowMs: () => clock.nowMs(),
          listPayments: (filter) => listPayments(database, filter),
          recordNotice,
        });
        noticesRoute(app, database);
        refreshRoute(app, { database, refresh: (orderId) => refresh(orderId) });
        byHandRoute(app, { database, processor });
        recordRoute(app, { database, processor, nowMs: () => clock.nowMs(), newId: uuidv7 });
      },
      async start() {
        // What is paid on delivery is asked for as it leaves, whatever the mode is.
        const outstanding =
          config.providers.includes(MANUAL) || (config.capture === 'automatic' && (await hasAuthorizations(database)));
        for (const unknown of await waitingForOtherProviders(database, config.providers))
          logger.error(
            unknown,
            'payments wait for a provider that is not configured; configure it, or they wait for ever',
          );
        await processor.start(eventsToRead(parts.rules, config.capture, outstanding));
        reconciliation = startDuePoller({
          name: 'payments-reconciliation',
          everyMs: RECONCILE_EVERY_MS,
          clock,
          logger,
          run: reconcile,
        });
      },
      async stop() {
        await reconciliation?.stop();
        await calls.stop();
        await processor.stop();
      },
      async settled() {
        // A call's outcome is a command, and a command may lead to a call.
        do {
          await calls.idle();
          await processor.settled();
        } while (calls.busy);
      },
    };
  },
};
