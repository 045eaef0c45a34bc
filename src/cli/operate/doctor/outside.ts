import { statfs } from 'node:fs/promises';
import { type Examined, type Finding, sentence } from '#platform/diagnosis.ts';
import { cacheSettings, openCache } from '#platform/cache/open-cache.ts';
import { readSettings } from '#platform/runtime/settings.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { packageVersion } from '#system/version.ts';
import { request } from 'undici';
import type { FoundProcess, Surroundings } from './surroundings.ts';

/** What the system stands on beside its databases and its log, and its processes as they are seen from outside. */

/** Redis answers, and lets us do what we do there. Undefined without one. */
export async function examineRedis({ env }: Surroundings): Promise<Examined | undefined> {
  const config = readSettings(cacheSettings, env);
  if (config.redisUrl === '') return undefined;
  const cache = await openCache(config, createLogger('silent'), createMetrics());
  try {
    const { ok, detail } = cache.healthy();
    if (ok) return { seen: 'answers', findings: [] };
    return {
      seen: 'away',
      findings: [
        {
          severity: 'error',
          what: 'Redis does not serve us',
          detail: `${sentence(detail)} Reads are slower, and rate limits and live events are of each process alone.`,
          do: 'Bring Redis back, or put REDIS_URL right; what its user needs is in docs/runbook.md.',
        },
      ],
    };
  } finally {
    await cache.close();
  }
}

const GB = 1024 ** 3;

/** The disk of the embedded PostgreSQL, or of the key and the logs beside it, has room. */
export async function examineDisk({ dataFolder, databases, limits }: Surroundings): Promise<Examined | undefined> {
  const stats = await statfs(dataFolder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  // Without a folder of data everything is elsewhere.
  if (!stats) return undefined;
  const free = stats.bavail * stats.bsize;
  const text = `${(free / GB).toFixed(1)} of ${((stats.blocks * stats.bsize) / GB).toFixed(1)} GB free`;
  if (free >= limits.diskBytes) return { seen: text, findings: [] };
  const embedded = databases.some((database) => database.embedded);
  return {
    seen: text,
    findings: [
      {
        severity: embedded ? 'error' : 'warning',
        what: 'the disk is nearly full',
        detail: `${text} in ${dataFolder}${embedded ? ': when it is full, PostgreSQL stops' : ''}.`,
        do: 'Make room (an order takes about 19 KB), or move OLMS_DATA to a larger disk while the system is stopped.',
      },
    ],
  };
}

const ASK_TIMEOUT_MS = 5_000;

interface Readiness {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
}

/** Every process answers, is ready, and runs this version. */
export async function examineProcesses({ processes, dataFolder }: Surroundings): Promise<Examined> {
  if (processes.length === 0)
    return {
      seen: 'none is known',
      findings: [],
      unchecked: `no system runs on the data in ${dataFolder}; start it (npm start), or name it by --url or OLMS_URL`,
    };
  const asked = new Set(processes.flatMap(({ service }) => service ?? []));
  const found = await Promise.all(processes.map((process) => examineProcess(process, asked)));
  const findings = found.flat();
  return { seen: `${processes.length} asked`, findings };
}

async function examineProcess({ service, url }: FoundProcess, asked: ReadonlySet<string>): Promise<Finding[]> {
  const who = service ?? 'the API';
  let readiness: Readiness;
  try {
    const text = await read(`${url.replace(/\/+$/, '')}/health/readiness`);
    readiness = JSON.parse(text) as Readiness;
    if (typeof readiness.checks !== 'object') throw new Error('what answers there is no OLMS');
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return [
      {
        severity: 'error',
        what: `${who} does not answer`,
        detail: `${url}: ${sentence(message || code || 'no answer')}`,
        do:
          service === undefined
            ? 'Start it (bin/olms start, or npm start), or put the address right (--url, OLMS_URL, PORT).'
            : `Start it (bin/olms start ${service}), or put ${service.toUpperCase()}_URL right.`,
      },
    ];
  }
  const failed = Object.entries(readiness.checks).filter(
    // Replicas that are asked themselves say it better.
    ([name, { ok }]) => !ok && !asked.has(name.replace(/^service /, '')),
  );
  const findings = failed.map(([name, { detail }]): Finding => {
    return {
      severity: readiness.status === 'unavailable' ? 'error' : 'warning',
      what: `${who} is ${readiness.status === 'unavailable' ? 'not ready' : 'degraded'}`,
      detail: `${url}: ${name}: ${detail}`,
      do: `See what is found about ${name} here; docs/runbook.md has an entry for each, and bin/olms smoke shows whether orders go through.`,
    };
  });
  const version = await versionOf(url);
  if (version !== undefined && version !== packageVersion)
    findings.push({
      severity: 'warning',
      what: `${who} runs another version`,
      detail: `${url} runs ${version}, and this is ${packageVersion}.`,
      do: 'Finish the release, or call the doctor of the version that runs: bin/olms doctor.',
    });
  return findings;
}

async function versionOf(url: string): Promise<string | undefined> {
  try {
    const document = JSON.parse(await read(`${url.replace(/\/+$/, '')}/openapi.json`)) as {
      info?: { version?: string };
    };
    return document.info?.version;
  } catch {
    // One that answers nothing but its readiness says no version.
    return undefined;
  }
}

async function read(url: string): Promise<string> {
  const limits = { headersTimeout: ASK_TIMEOUT_MS, bodyTimeout: ASK_TIMEOUT_MS };
  // Nothing of the connection outlives the command.
  const { body } = await request(url, { ...limits, reset: true, signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
  return body.text();
}
