import { ask } from '../api.ts';

/** Passkeys by the API of the browser itself: made for an account, and used to sign in. */

/** Why this page cannot have passkeys: `name` where its address is a number, which no passkey is good for. */
export function whyNoPasskeys(): 'browser' | 'name' | undefined {
  // An older browser has the class without its ways from and to JSON.
  const known = (globalThis as { PublicKeyCredential?: Partial<typeof PublicKeyCredential> }).PublicKeyCredential;
  if (/^[\d.]+$|:/.test(location.hostname)) return 'name';
  return known?.parseRequestOptionsFromJSON && known.parseCreationOptionsFromJSON ? undefined : 'browser';
}

/** The same page under a name, where its number is that of this machine. */
export function namedAddress(): string | undefined {
  if (location.hostname !== '127.0.0.1' && location.hostname !== '[::1]') return undefined;
  return `${location.protocol}//localhost:${location.port}/console/`;
}

/** Asks the authenticator for a passkey of whoever is signed in. Throws what the browser or the system says. */
export async function addPasskey(name: string): Promise<void> {
  const options = await ask<PublicKeyCredentialCreationOptionsJSON>('POST', '/session/passkeys/options');
  const made = (await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options),
  })) as PublicKeyCredential;
  await ask('POST', '/session/passkeys', { name, handle: options.user.id, response: made.toJSON() });
}

/** Signs in whoever the authenticator knows. Throws what the browser or the system says. */
export async function signInByPasskey(): Promise<void> {
  const options = await ask<PublicKeyCredentialRequestOptionsJSON>('POST', '/session/passkey/options');
  const found = (await navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
  })) as PublicKeyCredential;
  await ask('POST', '/session/passkey', { response: found.toJSON() });
}

/** Whether the person did not go on, or waited too long: nothing went wrong. */
export function wasLeft(error: unknown): boolean {
  return error instanceof DOMException && (error.name === 'NotAllowedError' || error.name === 'AbortError');
}
