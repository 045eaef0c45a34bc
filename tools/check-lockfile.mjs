// A lockfile made on a machine that could not reach a platform's package still installs there, and fails everywhere else.
// So: every optional package that anything asks for has an entry of its own, and the direct dependencies are exact versions.
import { readFileSync } from 'node:fs';

const readJson = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const problems = [];
let checked = 0;
for (const folder of ['..', '../console'])
  checkFolder(readJson(`${folder}/package.json`), readJson(`${folder}/package-lock.json`));

function checkFolder(manifest, { packages }) {
  for (const [path, entry] of Object.entries(packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      checked += 1;
      if (!isLocked(packages, path, name))
        problems.push(
          `${manifest.name}: ${path || 'package.json'} wants ${name}, which has no entry in package-lock.json`,
        );
    }
  }
  for (const group of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    for (const [name, range] of Object.entries(manifest[group] ?? {})) {
      if (!/^(npm:@?[^@]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(range))
        problems.push(`${name} is "${range}", not an exact version`);
      if (packages['']?.[group]?.[name] !== range)
        problems.push(`${name} ${range} differs from package-lock.json: run npm install`);
    }
  }
}

if (checked === 0) problems.push('no optional package was looked at: the check itself is broken');
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`lockfile: ${checked} optional packages have an entry`);

/** npm looks for a package beside its user first, then in each folder above. */
function isLocked(packages, path, name) {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('node_modules/')).replace(/\/$/, '')) {
    if (packages[`${at ? `${at}/` : ''}node_modules/${name}`]) return true;
    if (at === '') return false;
  }
}
