import type { Examined, ServiceCheck } from '#platform/diagnosis.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { examineCertificates } from './certificates.ts';
import { examineKafka } from './kafka.ts';
import { examineConsumers, examineHeldBack, examineParked } from './log.ts';
import { examineDisk, examineProcesses, examineRedis } from './outside.ts';
import { examineClock, examinePostgresql } from './postgresql.ts';
import { inEachDatabase, type Surroundings } from './surroundings.ts';
import { examineMigrations, examineNode, examineProcessVersions } from './versions.ts';

/** One thing that the doctor looks at. */
export interface DoctorCheck {
  readonly name: string;
  /** What holds where nothing is found, in one sentence. */
  readonly meaning: string;
  /** Undefined where the settings do not use what it looks at. What it throws is why it could not look. */
  run(surroundings: Surroundings): Promise<Examined | undefined>;
}

/** What stands first causes what follows. The settings are looked at before anything is opened by them. */
const SYSTEM_CHECKS: readonly DoctorCheck[] = [
  { name: 'node', meaning: 'Node.js is one that this version runs on', run: examineNode },
  { name: 'disk', meaning: 'the disk of the data folder has room', run: examineDisk },
  {
    name: 'postgresql',
    meaning: 'every database answers, takes writes, keeps them, and has connections left',
    run: examinePostgresql,
  },
  { name: 'clock', meaning: 'the clock of this machine and those of the databases agree', run: examineClock },
  { name: 'kafka', meaning: 'the topic fits, is led and copied, and everybody reads it', run: examineKafka },
  { name: 'redis', meaning: 'Redis answers, and lets us do what we do there', run: examineRedis },
  {
    name: 'certificates',
    meaning: 'no certificate has expired or is about to',
    run: examineCertificates,
  },
  { name: 'migrations', meaning: 'the tables are those of this version', run: examineMigrations },
  { name: 'versions', meaning: 'no process of an earlier version is connected', run: examineProcessVersions },
  { name: 'processes', meaning: 'every process answers, is ready, and runs this version', run: examineProcesses },
  {
    name: 'log',
    meaning: 'no transaction holds the log back, and no slot keeps files for nobody',
    run: examineHeldBack,
  },
  { name: 'consumers', meaning: 'every consumer has read the log', run: examineConsumers },
  { name: 'parked', meaning: 'no order is parked', run: examineParked },
];

export const CONFIGURATION = {
  name: 'configuration',
  meaning: 'every variable is known and has a value that it takes, and none contradicts another',
} as const;

/** All but the settings, in the order in which they are shown. */
export function checksOf(definitions: readonly ServiceDefinition[]): readonly DoctorCheck[] {
  const ofServices = definitions.flatMap(({ name, diagnosis = [] }) =>
    diagnosis.map((check) => serviceCheck(name, check)),
  );
  return [...SYSTEM_CHECKS, ...ofServices];
}

function serviceCheck(service: string, { name, meaning, look, ask }: ServiceCheck): DoctorCheck {
  return {
    name,
    meaning,
    async run(surroundings) {
      const { env, nowMs, limits } = surroundings;
      if (ask) return ask(env, surroundings.processes.length > 0);
      return inEachDatabase(surroundings, async ({ services, database }) =>
        services.some((one) => one.name === service)
          ? look?.({ env, database, nowMs: nowMs(), patienceMs: limits.patienceMs })
          : undefined,
      );
    },
  };
}
