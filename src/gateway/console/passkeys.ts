import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import type { Database } from '#platform/database/database.ts';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import { Problem } from '#platform/http/problems.ts';
import { internalSecretSetting } from '#platform/http/remote/identity.ts';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { hashKey } from '../api-keys.ts';

/**
 * Passkeys (WebAuthn) of people who have an account of this system. The authenticator finds the person's key by itself
 * and verifies who they are; a challenge is signed by us, good for minutes, and for one answer. What makes options and
 * verifies answers is loaded when somebody uses a passkey.
 */

const load = () => import('@simplewebauthn/server');

const CHALLENGE_MS = 300_000;
const RANDOM_BYTES = 16;
const TIME_BYTES = 6;
const KEY_BYTES = 32;
const HANDLE_BYTES = 32;
const PASSKEYS_MAX = 20;
const RP_NAME = 'OLMS';
/** EdDSA, ECDSA with P-256, RSA: what authenticators have. */
const ALGORITHMS = [-8, -7, -257];

export interface Passkey {
  readonly id: string;
  readonly name: string;
  /** The host that it is good for. */
  readonly host: string;
  readonly createdAt: Date;
  readonly usedAt: Date | null;
}

/** What is kept of a new one beside its key. */
interface NewPasskey {
  readonly person: string;
  readonly origin: string;
  readonly name: string;
  /** `user.id` of the options. */
  readonly handle: string;
}

interface PasskeyRow extends Record<string, unknown> {
  id: string;
  person: string;
  name: string;
  handle: string;
  rp_id: string;
  public_key: Buffer;
  counter: string;
  transports: string[];
  created_at: Date;
  used_at: Date | null;
}

/** A secret that all gateways of a system have, or one of this process where it is the only one. */
export function challengeSecret(env: Environment): Buffer {
  const { internalSecret } = readSettings({ internalSecret: internalSecretSetting }, env);
  if (internalSecret === '') return randomBytes(KEY_BYTES);
  return Buffer.from(hkdfSync('sha256', internalSecret, '', 'olms-passkeys-1', KEY_BYTES));
}

/** Challenges that nobody keeps until they are answered: what they are for and when they end is signed. */
export class Challenges {
  readonly #secret: Buffer;
  readonly #nowMs: () => number;

  constructor(secret: Buffer, nowMs: () => number = Date.now) {
    this.#secret = secret;
    this.#nowMs = nowMs;
  }

  make(purpose: string): Buffer {
    const payload = Buffer.alloc(RANDOM_BYTES + TIME_BYTES);
    randomBytes(RANDOM_BYTES).copy(payload);
    payload.writeUIntBE(this.#nowMs() + CHALLENGE_MS, RANDOM_BYTES, TIME_BYTES);
    return Buffer.concat([payload, this.#mac(purpose, payload)]);
  }

  /** Whether a challenge, in base64url, was made for this purpose and is still good. */
  isGood(challenge: string, purpose: string): boolean {
    const bytes = Buffer.from(challenge, 'base64url');
    const payload = bytes.subarray(0, RANDOM_BYTES + TIME_BYTES);
    const mac = bytes.subarray(payload.length);
    const expected = this.#mac(purpose, payload);
    if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) return false;
    return payload.readUIntBE(RANDOM_BYTES, TIME_BYTES) > this.#nowMs();
  }

  #mac(purpose: string, payload: Buffer): Buffer {
    return createHmac('sha256', this.#secret).update(`${purpose}.`).update(payload).digest();
  }
}

/** The statement goes on only for whoever answers a challenge ($1) first; what ended by itself is forgotten. */
const ONCE = `forgotten as (
    delete from gateway.passkey_challenges where ends_at < now()
  ), once as (
    insert into gateway.passkey_challenges (hash, ends_at)
    values ($1, now() + make_interval(secs => ${CHALLENGE_MS / 1000})) on conflict do nothing returning hash
  )`;

export class Passkeys {
  readonly #database: Database;
  readonly #challenges: Challenges;

  constructor(database: Database, challenges: Challenges) {
    this.#database = database;
    this.#challenges = challenges;
  }

  /** Whether anybody who may come in has one. */
  async areThere(): Promise<boolean> {
    const rows = await this.#database.query(
      `select 1 from gateway.passkeys join gateway.people on people.name = person where disabled_at is null limit 1`,
    );
    return rows.length > 0;
  }

  /** Those of a person, the oldest first. */
  async list(person: string): Promise<Passkey[]> {
    const rows = await this.#rowsOf(person);
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      host: row.rp_id,
      createdAt: row.created_at,
      usedAt: row.used_at,
    }));
  }

  #rowsOf(person: string): Promise<PasskeyRow[]> {
    return this.#database.query<PasskeyRow>(
      `select * from gateway.passkeys where person = $1 order by created_at, id limit ${PASSKEYS_MAX}`,
      [person],
    );
  }

  /** What the browser of a person is asked to make, for pages of an origin. Throws VALIDATION_FAILED where there are enough. */
  async creationOptions(person: string, origin: string): Promise<object> {
    const rows = await this.#rowsOf(person);
    if (rows.length >= PASSKEYS_MAX) throw refused(`You have ${PASSKEYS_MAX} passkeys; remove one first`);
    const { generateRegistrationOptions } = await load();
    // The same in all of one person's: an authenticator keeps one for each.
    const handle = rows[0]?.handle ?? randomBytes(HANDLE_BYTES).toString('base64url');
    return generateRegistrationOptions({
      rpName: RP_NAME,
      rpID: hostOf(origin),
      userName: person,
      userDisplayName: person,
      userID: new Uint8Array(Buffer.from(handle, 'base64url')),
      challenge: new Uint8Array(this.#challenges.make(addingBy(person, handle))),
      timeout: CHALLENGE_MS,
      attestationType: 'none',
      excludeCredentials: rows.map(({ id, transports }) => ({ id, transports: transports as never })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      supportedAlgorithmIDs: ALGORITHMS,
    });
  }

  /** Keeps what a browser made. Throws VALIDATION_FAILED where it is not what was asked for, or was given before. */
  async add(
    { person, origin, name, handle }: NewPasskey,
    response: RegistrationResponseJSON,
    by: AuditedBy,
  ): Promise<void> {
    const purpose = addingBy(person, handle);
    const { verifyRegistrationResponse } = await load();
    const { registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedChallenge: (challenge) => this.#challenges.isGood(challenge, purpose),
      expectedOrigin: origin,
      expectedRPID: hostOf(origin),
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    }).catch(() => ({ registrationInfo: undefined }));
    if (!registrationInfo) throw refused('This passkey does not answer what was asked. Try again');
    const { credential } = registrationInfo;
    const added = await this.#database.query(
      `with ${ONCE}, added as (
         insert into gateway.passkeys (id, person, name, handle, rp_id, public_key, counter, transports)
         select $2, people.name, $4, $5, $6, $7, $8, $9::text[] from once, gateway.people
         where people.name = $3 and disabled_at is null
           and (select count(*) from gateway.passkeys where person = $3) < ${PASSKEYS_MAX}
         on conflict do nothing returning person, name
       ), audited as (
         insert into log.audit_entries (actor, actor_kind, action, subject, after, correlationid)
         select $10, $11, 'person.passkey_added', person, json_build_object('passkey', name), $12 from added
       )
       select person from added`,
      [
        hashKey(challengeIn(response)),
        credential.id,
        person,
        name,
        handle,
        hostOf(origin),
        Buffer.from(credential.publicKey),
        credential.counter,
        credential.transports ?? [],
        by.actor,
        by.actorKind,
        by.correlationId,
      ],
    );
    if (added.length === 0) throw refused('This was answered before. Try again');
  }

  /** Takes one away; false where the person has none of this id. */
  async remove(person: string, id: string, by: AuditedBy): Promise<boolean> {
    const rows = await this.#database.query(
      `with removed as (
         delete from gateway.passkeys where person = $1 and id = $2 returning person, name
       ), audited as (
         insert into log.audit_entries (actor, actor_kind, action, subject, before, correlationid)
         select $3, $4, 'person.passkey_removed', person, json_build_object('passkey', name), $5 from removed
       )
       select name from removed`,
      [person, id, by.actor, by.actorKind, by.correlationId],
    );
    return rows.length > 0;
  }

  /** What the browser of somebody is asked for who wants to come in. */
  async requestOptions(origin: string): Promise<object> {
    const { generateAuthenticationOptions } = await load();
    return generateAuthenticationOptions({
      rpID: hostOf(origin),
      challenge: new Uint8Array(this.#challenges.make(SIGN_IN)),
      timeout: CHALLENGE_MS,
      userVerification: 'required',
    });
  }

  /**
   * Who signs in with an answer, which is used up by that. Undefined for one that is not good: for another origin, of a
   * challenge that ended or was answered, of a passkey that was removed or copied, or of somebody who may not come in.
   */
  async personOf(response: AuthenticationResponseJSON, origin: string): Promise<string | undefined> {
    const [row] = await this.#database.query<PasskeyRow>(
      `select passkeys.* from gateway.passkeys join gateway.people on people.name = person
       where id = $1 and rp_id = $2 and disabled_at is null`,
      [response.id, hostOf(origin)],
    );
    if (!row || response.response.userHandle !== row.handle) return undefined;
    const { verifyAuthenticationResponse } = await load();
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: (challenge) => this.#challenges.isGood(challenge, SIGN_IN),
      expectedOrigin: origin,
      expectedRPID: row.rp_id,
      credential: {
        id: row.id,
        publicKey: new Uint8Array(row.public_key),
        counter: Number(row.counter),
      },
      requireUserVerification: true,
    }).catch(() => ({ verified: false as const, authenticationInfo: undefined }));
    if (!verified || !authenticationInfo) return undefined;
    const [used] = await this.#database.query<{ person: string }>(
      `with ${ONCE}, used as (
         update gateway.passkeys set counter = $3, used_at = now() from once, gateway.people
         where id = $2 and people.name = person and disabled_at is null and (counter < $3 or (counter = 0 and $3 = 0))
         returning person
       )
       select person from used`,
      [hashKey(challengeIn(response)), row.id, authenticationInfo.newCounter],
    );
    return used?.person;
  }
}

const SIGN_IN = 'sign-in';

function addingBy(person: string, handle: string): string {
  return `add ${handle} ${person}`;
}

function hostOf(origin: string): string {
  return new URL(origin).hostname;
}

/** The challenge that a browser says it answers, after that was verified. */
function challengeIn({ response }: RegistrationResponseJSON | AuthenticationResponseJSON): string {
  const { challenge } = JSON.parse(Buffer.from(response.clientDataJSON, 'base64url').toString()) as {
    challenge: string;
  };
  return challenge;
}

function refused(detail: string): Problem {
  return new Problem('VALIDATION_FAILED', `${detail}.`, { errors: [{ pointer: '/response', detail }] });
}
