import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { connectionsConnectsChannel } from '@platformatic/kafka';
import type { KafkaConfig } from './kafka-config.ts';

/** Files of a TLS connection in PEM, each by the setting that names it. */
const FILES = [
  { setting: 'KAFKA_TLS_CA', key: 'tlsCa', option: 'ca', holds: 'CERTIFICATE', what: 'certificate' },
  { setting: 'KAFKA_TLS_CERT', key: 'tlsCert', option: 'cert', holds: 'CERTIFICATE', what: 'certificate' },
  { setting: 'KAFKA_TLS_KEY', key: 'tlsKey', option: 'key', holds: '(?:[A-Z]+ )?PRIVATE KEY', what: 'private key' },
] as const;

type Contents = Partial<Record<(typeof FILES)[number]['option'], string>>;

/**
 * The host the client is about to connect to. The client tells it in the same breath in which it reads the options,
 * and it is the only one who knows: brokers are found by asking other brokers.
 */
let connectingTo = '';
connectionsConnectsChannel.start.subscribe((message) => {
  connectingTo = (message as { host: string }).host;
});

/**
 * Options of every TLS connection. They are looked up for each new one: certificates are renewed while processes run.
 * Throws where a file is missing or holds something else.
 */
export function tlsOptions(config: KafkaConfig): object {
  let contents = readFiles(config);
  let context = contextOf(contents);
  return {
    get secureContext(): SecureContext {
      try {
        const now = readFiles(config);
        if (FILES.some(({ option }) => now[option] !== contents[option])) {
          context = contextOf(now);
          contents = now;
        }
      } catch {
        // Being replaced at this moment: what was read before serves until it is whole.
      }
      return context;
    },
    /** A name is told to the broker, so that one address can serve several; an IP address must not be. */
    get servername(): string | undefined {
      return isIP(connectingTo) === 0 ? connectingTo : undefined;
    },
  };
}

function readFiles(config: KafkaConfig): Contents {
  const contents: Contents = {};
  for (const { setting, key, option, holds, what } of FILES) {
    const file = config[key];
    if (file === '') continue;
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      throw new Error(`Configuration: ${setting}: the file ${file} cannot be read (${code})`, { cause: error });
    }
    if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text))
      throw new Error(
        `Configuration: ${setting}: the private key in ${file} is encrypted. Give one that is not: openssl pkey -in ${file} -out NEW`,
      );
    if (!new RegExp(`-----BEGIN ${holds}-----`).test(text))
      throw new Error(`Configuration: ${setting}: the file ${file} holds no ${what} in PEM format`);
    contents[option] = text;
  }
  return contents;
}

function contextOf(contents: Contents): SecureContext {
  try {
    return createSecureContext(contents);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
        ? 'the key in KAFKA_TLS_KEY does not belong to the certificate in KAFKA_TLS_CERT'
        : `the files of KAFKA_TLS_CA, KAFKA_TLS_CERT and KAFKA_TLS_KEY cannot be used: ${message}`;
    throw new Error(`Configuration: ${reason}`, { cause: error });
  }
}
