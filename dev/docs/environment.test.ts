import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Settings are declared as data, so that all of them are documented and checked, and misspelt ones are found. */

const ROOT = join(import.meta.dirname, '../..');
/** What may see the environment, and why. */
const ALLOWED: Readonly<Record<string, string>> = {
  'src/platform/runtime/settings.ts': 'reads every setting',
  'src/cli/program.ts': 'hands the environment of the process to the commands',
  'src/cli/client.ts': 'asks whether a port was named at all, which a default hides',
  'src/cli/serve/start.ts': 'asks whether a port was named at all, which a default hides',
  'src/cli/whereabouts.ts': 'asks whether any database was named, of whatever service',
  'src/gateway/service.ts': 'asks which of several settings were given, of which only some may be together',
  'src/cli/operate/doctor/certificates.ts':
    'looks at files and addresses that settings name, whatever the services make of them',
  'src/cli/operate/doctor/configuration.ts': 'compares what was given with what may be given',
  'src/cli/operate/doctor/surroundings.ts': 'asks whether a provider was named at all, which a default hides',
  'src/cli/operate/park.ts': 'VISUAL and EDITOR are the habit of shells, and no settings of ours',
  'src/platform/database/embedded/processes.ts': 'keeps variables of PostgreSQL from the server that it starts',
};

test('nothing reads a variable of the environment but the settings', () => {
  const reading = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .map((file) => `src/${file}`)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .filter((file) => /\benv\[|process\.env/.test(readFileSync(join(ROOT, file), 'utf8')));
  expect(reading.filter((file) => !(file in ALLOWED))).toEqual([]);
});
