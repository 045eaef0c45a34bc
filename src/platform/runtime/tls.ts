import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';

/**
 * TLS towards what we stand on: which files say whom we trust and who we are, and what its failures mean. Every
 * connection begins with the files as they are then: certificates are renewed while processes run.
 */

/** Paths of PEM files; an empty one is not set. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

type Part = keyof TlsFiles;

/** The names of the settings that hold those paths. */
export type TlsSettings = Readonly<Record<Part, string>>;

const HOLDS: Readonly<Record<Part, { what: string; label: string }>> = {
  ca: { what: 'certificate', label: 'CERTIFICATE' },
  cert: { what: 'certificate', label: 'CERTIFICATE' },
  key: { what: 'private key', label: '(?:[A-Z]+ )?PRIVATE KEY' },
};
const PARTS = Object.keys(HOLDS) as Part[];

/** What is wrong with which files are given, in whole phrases. */
export function tlsProblems(files: TlsFiles, names: TlsSettings, usesTls: boolean, toUseIt: string): string[] {
  const problems = PARTS.filter((part) => files[part] !== '' && !usesTls).map(
    (part) => `${names[part]} is set, but ${toUseIt} is not`,
  );
  if ((files.cert === '') !== (files.key === '')) problems.push(`${names.cert} and ${names.key} need each other`);
  return problems;
}

/** What connections are made with, looked up for each; throws at once where a file is missing or holds something else. */
export function secureContexts(files: TlsFiles, names: TlsSettings): () => SecureContext {
  let contents = readFiles(files, names);
  let context = contextOf(contents, names);
  return () => {
    try {
      const now = readFiles(files, names);
      if (PARTS.some((part) => now[part] !== contents[part])) {
        context = contextOf(now, names);
        contents = now;
      }
    } catch {
      // Being replaced at this moment: what was read before serves until it is whole.
    }
    return context;
  };
}

function readFiles(files: TlsFiles, names: TlsSettings): Partial<Record<Part, string>> {
  const contents: Partial<Record<Part, string>> = {};
  for (const part of PARTS) {
    const file = files[part];
    if (file === '') continue;
    const refuse = (reason: string, cause?: unknown): Error =>
      new Error(`Configuration: ${names[part]}: ${reason}`, { cause });
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw refuse(`the file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, error);
    }
    if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text))
      throw refuse(
        `the private key in ${file} is encrypted. Give one that is not: openssl pkey -in ${file} -out <new file>`,
      );
    const { what, label } = HOLDS[part];
    if (!new RegExp(`-----BEGIN ${label}-----`).test(text)) throw refuse(`the file ${file} holds no ${what} (PEM)`);
    contents[part] = text;
  }
  return contents;
}

function contextOf(contents: Partial<Record<Part, string>>, names: TlsSettings): SecureContext {
  try {
    return createSecureContext(contents);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
        ? `Configuration: the key in ${names.key} does not belong to the certificate in ${names.cert}`
        : `Configuration: the files of ${names.ca}, ${names.cert} and ${names.key} cannot be used: ${message}`,
      { cause: error },
    );
  }
}

export interface TlsError extends Error {
  readonly code?: string;
  /** Of a certificate for another host. */
  readonly host?: string;
  readonly cert?: { readonly subjectaltname?: string };
}

export interface TlsFailure {
  readonly reason: string;
  /** Waiting does not cure it. */
  readonly fatal: boolean;
}

/** In words, why TLS with a server failed; undefined for an error that is not about TLS. */
export function tlsFailure(error: TlsError, files: TlsFiles, names: TlsSettings): TlsFailure | undefined {
  const { code = '', message, host, cert } = error;
  if (/SELF_SIGNED|UNABLE_TO_|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA/.test(code))
    return {
      fatal: true,
      reason:
        files.ca === ''
          ? `TLS_NOT_TRUSTED: no authority that Node.js knows vouches for the server's certificate (${code}). Set ${names.ca} to the file of the authority that signed it.`
          : `TLS_NOT_TRUSTED: the authority in ${names.ca} (${files.ca}) does not vouch for the server's certificate (${code}). Set it to the file of the one that signed it.`,
    };
  if (code.startsWith('ERR_TLS_CERT_ALTNAME'))
    return {
      fatal: true,
      reason: `TLS_WRONG_HOST: the server's certificate is not for "${host}", but for ${cert?.subjectaltname ?? 'nobody'}. Address it by such a name (brokers of Kafka also by their advertised.listeners), or give it a certificate for "${host}".`,
    };
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(code))
    return {
      fatal: true,
      reason: `TLS_NOT_VALID_NOW: the server's certificate ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}. Renew it, or put the clock of this machine right.`,
    };
  if (/^ERR_SSL_.*ALERT_(BAD_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA|NO_CERTIFICATE|ACCESS_DENIED)/.test(code))
    return { fatal: true, reason: `TLS_CLIENT_REFUSED: ${certificateAdvice(files, names)} (${code}).` };
  if (/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH)/.test(code))
    return { fatal: true, reason: 'TLS_NOT_SPOKEN: what answers at this port does not speak TLS.' };
  if (/^(ERR_SSL_|ERR_TLS_|EPROTO$)/.test(code)) return { fatal: false, reason: `TLS_FAILED: ${code}: ${message}.` };
  return undefined;
}

/** Why a server may not like who we are. */
export function certificateAdvice({ cert }: TlsFiles, names: TlsSettings): string {
  return cert === ''
    ? `the server asks for a certificate. Set ${names.cert} and ${names.key}`
    : `the server does not accept the certificate in ${names.cert} (${cert}): it must be valid now, and its authority among those the server trusts`;
}
