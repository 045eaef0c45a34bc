import { uuidv7 } from '#platform/runtime/uuid.ts';
import { Batcher } from '#platform/processor/batcher.ts';
import { type Database, ConflictError } from '#platform/database/database.ts';
import { isUniqueViolation } from '#platform/database/failures.ts';
import {
  acted,
  type ActionOutcome,
  approved,
  type ChangeRequest,
  changed,
  type Charge,
  type ChargeRequest,
  newCharge,
  sameChange,
  sameCharge,
  type StoredChange,
} from './rules.ts';
import {
  changesByKeys,
  chargesAfter,
  chargesByIds,
  chargesByKeys,
  chargesToWake,
  insertCharges,
  saveChanges,
} from './store.ts';

/** The provider behind the HTTP API: charges and their changes, each key acted on once. */

export type ChargeAnswer = { readonly charge: Charge; readonly created: boolean } | { readonly conflict: true };
export type ChangeAnswer =
  | { readonly charge: Charge; readonly change: StoredChange }
  | { readonly conflict: true }
  | { readonly unknownCharge: true };

export interface Provider {
  charge(request: ChargeRequest): Promise<ChargeAnswer>;
  change(request: ChangeRequest): Promise<ChangeAnswer>;
  /** What became of a key. */
  find(key: string): Promise<{ readonly charge: Charge; readonly change?: StoredChange } | undefined>;
  /** A charge, if there is one. */
  read(chargeId: string): Promise<Charge | undefined>;
  /** The customer of a charge acts, or the shop gives it up; the charge as it is then, if there is one. */
  act(chargeId: string, outcome: ActionOutcome): Promise<Charge | undefined>;
  books(after: string, limit: number): Promise<Charge[]>;
  /** Decides pending charges whose time has come, and returns those whose webhook is to be sent. */
  wake(limit: number): Promise<Charge[]>;
  /** Notes how a webhook went. */
  webhookSent(charge: Charge, delivered: boolean): Promise<void>;
}

const BATCH_MAX = 200;
const QUEUE_MAX = 20_000;
const WRITE_ATTEMPTS_MAX = 5;
const WEBHOOK_RETRY_MS = 5_000;
const WEBHOOK_ATTEMPTS_MAX = 20;

/** Changes of one batch: at most one per charge, so that each is decided on what the one before left. */
function rounds(requests: readonly ChangeRequest[]): ChangeRequest[][] {
  const result: ChangeRequest[][] = [];
  const taken: Set<string>[] = [];
  for (const request of requests) {
    const index = taken.findIndex((names) => !names.has(request.chargeId) && !names.has(request.key));
    if (index >= 0) {
      result[index]!.push(request);
      taken[index]!.add(request.chargeId).add(request.key);
    } else {
      result.push([request]);
      taken.push(new Set([request.chargeId, request.key]));
    }
  }
  return result;
}

async function queued<Item, Result>(batcher: Batcher<Item, Result>, item: Item): Promise<Result> {
  if (batcher.full) throw new Error('The sandbox provider has too many calls waiting');
  return batcher.add(item);
}

/** Repeats a decision that met another writer. */
async function deciding<Value>(decide: () => Promise<Value>): Promise<Value> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await decide();
    } catch (error) {
      if (attempt === WRITE_ATTEMPTS_MAX || !(error instanceof ConflictError || isUniqueViolation(error))) throw error;
    }
  }
}

export function createProvider(database: Database, nowMs: () => number, pendingMs: number): Provider {
  const charge = new Batcher<ChargeRequest, ChargeAnswer>({
    batchMax: BATCH_MAX,
    queueMax: QUEUE_MAX,
    writersMax: 3,
    async flush(requests) {
      const now = nowMs();
      const charges = requests.map((request) => newCharge(request, uuidv7(), now, pendingMs));
      const inserted = await insertCharges(database, charges);
      const stored =
        inserted.size === charges.length
          ? []
          : await chargesByKeys(
              database,
              charges.filter(({ id }) => !inserted.has(id)).map(({ key }) => key),
            );
      const byKey = new Map(stored.map((present) => [present.key, present]));
      return charges.map((fresh) => {
        if (inserted.has(fresh.id)) return { charge: fresh, created: true };
        const present = byKey.get(fresh.key)!;
        return sameCharge(present, fresh) ? { charge: present, created: false } : { conflict: true };
      });
    },
  });

  async function changeRound(requests: readonly ChangeRequest[]): Promise<ChangeAnswer[]> {
    const [known, charges] = await Promise.all([
      changesByKeys(
        database,
        requests.map(({ key }) => key),
      ),
      chargesByIds(
        database,
        requests.map(({ chargeId }) => chargeId),
      ),
    ]);
    const byKey = new Map(known.map((entry) => [entry.key, entry]));
    const byId = new Map(charges.map((present) => [present.id, present]));
    const saved: Charge[] = [];
    const changes: StoredChange[] = [];
    const answers = requests.map((request): ChangeAnswer => {
      const present = byId.get(request.chargeId);
      if (!present) return { unknownCharge: true };
      const before = byKey.get(request.key);
      if (before)
        return sameChange(before, request, present.currency) ? { charge: present, change: before } : { conflict: true };
      const answer = changed(present, request);
      if (answer.charge !== present) saved.push(answer.charge);
      changes.push(answer.change);
      return answer;
    });
    if (changes.length > 0) await saveChanges(database, saved, changes);
    return answers;
  }
  const change = new Batcher<ChangeRequest, ChangeAnswer>({
    batchMax: BATCH_MAX,
    queueMax: QUEUE_MAX,
    writersMax: 1,
    async flush(requests) {
      const answers = new Map<ChangeRequest, ChangeAnswer>();
      for (const round of rounds(requests)) {
        const decided = await deciding(() => changeRound(round));
        for (let i = 0; i < round.length; i++) answers.set(round[i]!, decided[i]!);
      }
      return requests.map((request) => answers.get(request)!);
    },
  });

  const find = new Batcher<string, { charge: Charge; change?: StoredChange } | undefined>({
    batchMax: BATCH_MAX,
    queueMax: QUEUE_MAX,
    writersMax: 2,
    async flush(keys) {
      const [charges, changes] = await Promise.all([chargesByKeys(database, keys), changesByKeys(database, keys)]);
      const owners =
        changes.length === 0
          ? []
          : await chargesByIds(
              database,
              changes.map(({ chargeId }) => chargeId),
            );
      const byKey = new Map<string, { charge: Charge; change?: StoredChange }>(
        charges.map((entry) => [entry.key, { charge: entry }]),
      );
      const byId = new Map(owners.map((entry) => [entry.id, entry]));
      for (const entry of changes) byKey.set(entry.key, { charge: byId.get(entry.chargeId)!, change: entry });
      return keys.map((key) => byKey.get(key));
    },
  });

  return {
    charge: (request) => queued(charge, request),
    change: (request) => queued(change, request),
    find: (key) => queued(find, key),
    read: async (chargeId) => (await chargesByIds(database, [chargeId]))[0],
    act: (chargeId, outcome) =>
      deciding(async () => {
        const [present] = await chargesByIds(database, [chargeId]);
        const after = present && acted(present, outcome, nowMs());
        if (after !== present) await saveChanges(database, [after!], []);
        return after;
      }),
    books: (after, limit) => chargesAfter(database, after, limit),
    async wake(limit) {
      return deciding(async () => {
        const now = nowMs();
        const due = await chargesToWake(database, now, limit);
        // The next wake is the first repetition, should the webhook not arrive.
        const awake = due.map((present): Charge => ({
          ...(present.status === 'pending' ? approved(present) : present),
          version: present.version + 1,
          wakeAt: now + WEBHOOK_RETRY_MS,
        }));
        if (awake.length > 0) await saveChanges(database, awake, []);
        return awake;
      });
    },
    async webhookSent({ id }, delivered) {
      await deciding(async () => {
        const [present] = await chargesByIds(database, [id]);
        if (!present) return;
        const webhookAttempts = present.webhookAttempts + 1;
        const over = delivered || webhookAttempts >= WEBHOOK_ATTEMPTS_MAX;
        await saveChanges(
          database,
          [{ ...present, version: present.version + 1, webhookAttempts, wakeAt: over ? null : present.wakeAt }],
          [],
        );
      });
    },
  };
}
