// What can be seen in the text alone: no file grows past what one reads at a sitting, and words that were given up do not come back.
//   node tools/check-text.mjs [lines | words]
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const LINES_MAX = { source: 400, test: 600 };
const isTest = (file) => file.endsWith('.test.ts') || file.startsWith('tests/');

/**
 * Words of before, what is said instead, and where it holds. One dictionary keeps the code readable for who knows the field;
 * the glossary is at the top of docs/architecture.md.
 */
const RETIRED = [
  { word: /\blanes?\b/i, instead: 'processor' },
  { word: /\brendezvous\b/i, instead: 'coordinator (who leads), notifier (what is new)' },
  { word: /\bannounc(e|es|ed|ing)\b/i, instead: 'remember, recent commits' },
  { word: /wish(es|ed)?\b/i, instead: 'candidate', where: /^src\/platform\// },
  { word: /\banew\b/i, instead: 'from the start, started over' },
  { word: /\bunproven\b/i, instead: 'what it is: decided without a write' },
  { word: /\b(tells?|told|telling)\b/i, instead: 'report, record, notify, say what' },
  { word: /\b[pP]ace\b/, instead: 'linger' },
  { word: /\bCursor\b/, instead: 'log position', where: /^src\/platform\/(log|kafka|processor)\// },
  { word: /\b(placeOf|placesAt|placeAt)\b/, instead: 'position' },
  { word: /\b(?<!row )exclusive\b(?! mode)/i, instead: 'sole writer, serialized', where: /^src\// },
  { word: /\bsetMax\b|_PER_SET\b/, instead: 'batch' },
];

const files = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.mjs', '*.cjs'],
  {
    encoding: 'utf8',
  },
)
  .split('\n')
  .filter((file) => /^(src|dev|tests|tools|clients|console)\//.test(file) && !file.startsWith('tools/fixtures/'));
const only = process.argv[2];
const problems = [];
let lines = 0;
for (const file of files) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    continue; // removed, and not yet committed so
  }
  const split = text.split('\n');
  lines += split.length;
  const max = isTest(file) ? LINES_MAX.test : LINES_MAX.source;
  if (only !== 'words' && split.length - 1 > max && !text.startsWith('// Generated'))
    problems.push(`${file}: ${split.length - 1} lines, at most ${max}: cut it along its seams`);
  if (only === 'lines' || /^tools\/(check-text\.mjs|gates\.test\.ts)$/.test(file)) continue;
  for (const { word, instead, where } of RETIRED) {
    if (where && !where.test(file)) continue;
    for (const [index, line] of split.entries()) {
      const found = word.exec(line);
      if (found) problems.push(`${file}:${index + 1}: "${found[0]}" was given up; say: ${instead}`);
    }
  }
}
if (lines === 0) problems.push('No line was looked at.');
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`text: ${files.length} files, ${lines} lines`);
