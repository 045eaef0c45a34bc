import { isIP } from 'node:net';
import type { RedisOptions } from 'ioredis';
import { StandaloneConnector } from 'ioredis/built/connectors/index.js';
import {
  secureContexts,
  type TlsError,
  tlsFailure,
  type TlsFiles,
  tlsProblems,
  type TlsSettings,
} from '#platform/runtime/tls.ts';

/** How Redis is reached, and what it means when it is not. The password goes to Redis and nowhere else. */

const REDIS_TLS: TlsSettings = { ca: 'REDIS_TLS_CA', cert: 'REDIS_TLS_CERT', key: 'REDIS_TLS_KEY' };

/**
 * Opens the sockets. The client listens to a socket's first error only, and TLS can report a second one (a failed write,
 * then the alert of the other side), which nobody would listen to and which would end the process.
 */
export class Connector extends StandaloneConnector {
  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof StandaloneConnector>[0]);
  }

  override async connect(
    ...given: Parameters<StandaloneConnector['connect']>
  ): ReturnType<StandaloneConnector['connect']> {
    const socket = await super.connect(...given);
    socket.on('error', () => {});
    return socket;
  }
}

/** Options for the TLS of a URL; throws where URL and files contradict each other. */
export function tlsOptionsOf(url: string, files: TlsFiles): RedisOptions {
  // Its text holds the password: errors describe it without it.
  const { protocol, hostname } = URL.parse(url) ?? { protocol: '', hostname: '' };
  if (!['redis:', 'rediss:'].includes(protocol) || hostname === '')
    throw new Error('Configuration: REDIS_URL must be redis://user:password@host:port, or rediss:// for TLS');
  const isSecure = protocol === 'rediss:';
  const problems = tlsProblems(files, REDIS_TLS, isSecure, 'a REDIS_URL with rediss://');
  if (problems.length > 0) throw new Error(`Configuration: ${problems.join('; ')}`);
  if (!isSecure) return {};
  const current = secureContexts(files, REDIS_TLS);
  const host = hostname.replace(/^\[|\]$/g, '');
  return {
    tls: {
      get secureContext() {
        return current();
      },
      ...(isIP(host) === 0 && { servername: host }),
    },
  };
}

/** In words, why Redis does not serve us. */
export function redisReason(error: Error, url: string, files: TlsFiles): string {
  const { message } = error;
  const failure = tlsFailure(error as TlsError, files, REDIS_TLS);
  if (failure) return failure.reason;
  if (/^(WRONGPASS|NOAUTH)|invalid password/.test(message))
    return `REDIS_AUTHENTICATION_FAILED: ${message} Check the user and the password in REDIS_URL.`;
  if (message.startsWith('NOPERM'))
    return `REDIS_NOT_PERMITTED: ${message}. Allow the user of REDIS_URL what docs/runbook.md names.`;
  const isSecure = url.startsWith('rediss:');
  if (isSecure && /before secure TLS connection was established|^connect ETIMEDOUT$/.test(message))
    return `TLS_NOT_SPOKEN: nothing answers to TLS (${message}). If Redis is there, this port does not speak TLS: begin REDIS_URL with redis://.`;
  if (/Connection is closed|ECONNRESET|EPIPE/.test(message))
    return `CONNECTION_CLOSED: Redis closes the connection. If that stays so, this port may ask for ${
      isSecure ? 'a certificate (REDIS_TLS_CERT, REDIS_TLS_KEY)' : 'TLS (a REDIS_URL with rediss://)'
    }.`;
  return message;
}
