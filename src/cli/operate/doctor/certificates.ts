import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { connect, TLSSocket } from 'node:tls';
import type { Examined, Finding } from '#platform/diagnosis.ts';
import { kafkaSettings } from '#platform/kafka/settings.ts';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { notificationsSettings } from '#notifications/settings.ts';
import { processSettings } from '#system/settings.ts';
import type { FoundDatabase, Surroundings } from './surroundings.ts';

/** Certificates: those that servers show us, and those in files that we trust or show ourselves. */

interface Certificate {
  /** Whose it is. */
  readonly of: string;
  /** Where it is replaced. */
  readonly renew: string;
  readonly validTo: Date;
}

interface Server {
  readonly of: string;
  readonly host: string;
  readonly port: number;
}

const CONNECT_TIMEOUT_MS = 4_000;
const DAY_MS = 86_400_000;
const PORTS: Readonly<Record<string, number>> = { 'https:': 443, 'rediss:': 6379, 'smtps:': 465 };

/** No certificate has expired or is about to. Undefined where nothing speaks TLS. */
export async function examineCertificates(surroundings: Surroundings): Promise<Examined | undefined> {
  const { env, databases, limits, nowMs } = surroundings;
  const unchecked: string[] = [];
  const found: Certificate[] = filesOf(env, databases);
  const look = async (of: string, ask: Promise<Certificate | undefined>): Promise<void> => {
    try {
      const certificate = await ask;
      if (certificate) found.push(certificate);
    } catch (error) {
      unchecked.push(`${of}: ${(error as { code?: string }).code ?? (error as Error).message}`);
    }
  };
  await Promise.all([
    ...serversOf(env).map((server) => look(server.of, shownBy(server))),
    ...databases.filter(({ failure }) => !failure).map((one) => look(one.name, shownByDatabase(one))),
  ]);
  if (found.length === 0 && unchecked.length === 0) return undefined;
  const findings = found.flatMap(({ of, renew, validTo }): Finding[] => {
    const days = Math.floor((validTo.getTime() - nowMs()) / DAY_MS);
    if (days >= limits.certificateDays) return [];
    const expired = validTo.getTime() <= nowMs();
    return [
      {
        severity: expired ? 'error' : 'warning',
        what: `the certificate of ${of} ${expired ? 'has expired' : `expires in ${days} days`}`,
        detail: `It is good until ${validTo.toISOString()}; then nobody who checks it connects.`,
        do: `${renew}. New connections take the new one by themselves.`,
      },
    ];
  });
  const first = found.reduce((least, { validTo }) => Math.min(least, validTo.getTime()), Infinity);
  return {
    seen: found.length === 0 ? '' : `${found.length}, good until ${new Date(first).toISOString().slice(0, 10)}`,
    findings,
    ...(unchecked.length > 0 && { unchecked: unchecked.join('; ') }),
  };
}

/** Servers with TLS from the first byte on, by the settings that name them. */
function serversOf(env: Environment): Server[] {
  const { publicUrl, redisUrl } = readSettings(processSettings, env);
  const { brokers, tls } = readSettings(kafkaSettings, env);
  const { smtpUrl } = readSettings(notificationsSettings, env);
  const urls: readonly (readonly [of: string, url: string])[] = [
    ['OLMS_PUBLIC_URL', publicUrl],
    ['REDIS_URL', redisUrl],
    ['SMTP_URL', smtpUrl],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? ''],
  ];
  const servers = urls.flatMap(([of, text]): Server[] => {
    const url = URL.parse(text);
    const port = url && PORTS[url.protocol];
    return url && port ? [{ of, host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) || port }] : [];
  });
  if (!tls) return servers;
  const kafka = brokers.split(',').flatMap((broker): Server[] => {
    const { hostname, port } = URL.parse(`kafka://${broker.trim()}`) ?? {};
    return hostname && port ? [{ of: `KAFKA_BROKERS (${broker.trim()})`, host: hostname, port: Number(port) }] : [];
  });
  return [...servers, ...kafka];
}

/** What a server shows, trusted or not: the other checks say whether it is. */
function shownBy({ of, host, port }: Server): Promise<Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) });
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const timer = setTimeout(() => end(() => reject(new Error('no answer'))), CONNECT_TIMEOUT_MS);
    // Also what comes after the first one, which would end the process.
    socket.on('error', (error) => end(() => reject(error)));
    socket.once('secureConnect', () => {
      const validTo = new Date(socket.getPeerCertificate().valid_to);
      end(() => resolve({ of, validTo, renew: `Renew the certificate of ${host}:${port}` }));
    });
  });
}

async function shownByDatabase({ name, database }: FoundDatabase): Promise<Certificate | undefined> {
  const client = await database.pool.connect();
  try {
    const { stream } = (client as unknown as { connection: { stream: unknown } }).connection;
    if (!(stream instanceof TLSSocket)) return undefined;
    const validTo = new Date(stream.getPeerCertificate().valid_to);
    return { of: `the database ${name}`, validTo, renew: 'Renew ssl_cert_file of PostgreSQL: select pg_reload_conf()' };
  } finally {
    client.release();
  }
}

const FILE_SETTINGS = ['KAFKA_TLS_CA', 'KAFKA_TLS_CERT', 'REDIS_TLS_CA', 'REDIS_TLS_CERT'] as const;

/** Certificates in files. One that cannot be read is found by the checks of what it is for. */
function filesOf(env: Environment, databases: readonly FoundDatabase[]): Certificate[] {
  const files = FILE_SETTINGS.map((name): readonly [string, string] => [name, env[name] ?? '']);
  for (const { name, url } of databases)
    for (const parameter of ['sslrootcert', 'sslcert'])
      files.push([`${parameter} of ${name}`, URL.parse(url)?.searchParams.get(parameter) ?? '']);
  return files.flatMap(([of, file]) => {
    if (file === '' || !existsSync(file)) return [];
    try {
      const validTo = new Date(new X509Certificate(readFileSync(file)).validTo);
      return [{ of: `${of} (${file})`, validTo, renew: `Replace the file ${file}` }];
    } catch {
      return [];
    }
  });
}
