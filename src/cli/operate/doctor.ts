import { styleText } from 'node:util';
import { countOf, type Examined, type Finding } from '#platform/diagnosis.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import { withTimeout } from '#platform/runtime/timeout.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { print, printJson, table, WIDTH, wrapped } from '#cli/output.ts';
import { SERVICES } from '#system/services.ts';
import { checksOf, CONFIGURATION } from './doctor/checks.ts';
import { examineConfiguration } from './doctor/configuration.ts';
import { type Limits, openSurroundings, type SurroundingsOptions } from './doctor/surroundings.ts';

/**
 * `olms doctor`: what is wrong, and what to do about it. It looks at everything that the environment names, beside a
 * running system or without one, changes nothing, and never waits long: what does not answer is a finding, or is named
 * as not checked.
 */

export interface DoctorOptions {
  readonly json?: boolean;
  readonly url?: string;
  /** Seconds that something may wait before it counts as stuck. */
  readonly patience?: number;
}

export interface Diagnosis {
  readonly outcome: 'healthy' | 'wrong' | 'incomplete';
  readonly seconds: number;
  readonly checks: readonly DiagnosedCheck[];
}

export interface DiagnosedCheck {
  readonly check: string;
  readonly meaning: string;
  /** `unused`: these settings do not use what it looks at. */
  readonly state: 'ok' | 'wrong' | 'unchecked' | 'unused';
  readonly seen: string;
  readonly findings: readonly Finding[];
  /** What could not be looked at, and why. */
  readonly unchecked?: string;
}

const EXIT_CODES = { healthy: 0, wrong: 1, incomplete: 2 } as const satisfies Record<Diagnosis['outcome'], number>;
const PATIENCE_S = 60;
const CHECK_TIMEOUT_MS = 20_000;
const LIMITS: Limits = { patienceMs: PATIENCE_S * 1000, clockMs: 1_000, diskBytes: 2 * 1024 ** 3, certificateDays: 21 };

/** Prints the diagnosis, and exits with 0 where nothing is wrong, 1 where something is, 2 where not all could be checked. */
export async function doctor(options: DoctorOptions, env: Environment): Promise<void> {
  const limits = { ...LIMITS, ...(options.patience !== undefined && { patienceMs: options.patience * 1000 }) };
  const diagnosis = await diagnose(env, { url: options.url, limits });
  if (options.json) printJson(diagnosis);
  else print(textOf(diagnosis));
  process.exitCode = EXIT_CODES[diagnosis.outcome];
}

export interface DiagnoseOptions {
  readonly url?: string | undefined;
  readonly limits?: Partial<Limits>;
  readonly nowMs?: () => number;
  readonly definitions?: readonly ServiceDefinition[];
}

/** Looks at everything, all of it at the same time; never throws. */
export async function diagnose(env: Environment, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const startedMs = performance.now();
  const { definitions = SERVICES, url, nowMs = Date.now, limits } = options;
  const settings = await diagnosed(CONFIGURATION, () => examineConfiguration(env, definitions));
  const checks = [settings, ...(await diagnoseAll(env, { definitions, url, nowMs, limits: { ...LIMITS, ...limits } }))];
  return {
    outcome: checks.some(({ state }) => state === 'wrong')
      ? 'wrong'
      : checks.some(({ unchecked }) => unchecked !== undefined)
        ? 'incomplete'
        : 'healthy',
    seconds: Math.round(performance.now() - startedMs) / 1000,
    checks,
  };
}

async function diagnoseAll(env: Environment, options: SurroundingsOptions): Promise<readonly DiagnosedCheck[]> {
  const checks = checksOf(options.definitions);
  try {
    await using surroundings = await openSurroundings(env, options);
    return await Promise.all(checks.map((check) => diagnosed(check, () => check.run(surroundings))));
  } catch (error) {
    // What the settings do not say cannot be opened.
    const { message } = error as Error;
    return Promise.all(
      checks.map((check) => diagnosed(check, async () => ({ seen: '', findings: [], unchecked: message }))),
    );
  }
}

/** Looks once, for a limited time. */
async function diagnosed(
  { name: check, meaning }: { readonly name: string; readonly meaning: string },
  look: () => Promise<Examined | undefined>,
): Promise<DiagnosedCheck> {
  try {
    const examined = await withTimeout(look(), CHECK_TIMEOUT_MS);
    if (!examined) return { check, meaning, state: 'unused', seen: '', findings: [] };
    const { seen, findings, unchecked } = examined;
    const state = findings.length > 0 ? 'wrong' : unchecked !== undefined ? 'unchecked' : 'ok';
    return { check, meaning, state, seen, findings, ...(unchecked !== undefined && { unchecked }) };
  } catch (error) {
    return { check, meaning, state: 'unchecked', seen: '', findings: [], unchecked: (error as Error).message };
  }
}

type Color = Parameters<typeof styleText>[0];
const paint = (color: Color, text: string): string => styleText(color, text, { stream: process.stdout });

const STATES = {
  ok: { label: 'ok', color: 'green' },
  wrong: { label: 'WRONG', color: 'red' },
  unchecked: { label: '?', color: 'yellow' },
  unused: { label: '-', color: 'gray' },
} as const satisfies Record<DiagnosedCheck['state'], { label: string; color: Color }>;
const SEVERITIES = { error: 'red', warning: 'yellow' } as const satisfies Record<Finding['severity'], Color>;
const INDENT = '    ';

/** The diagnosis for a terminal: a line for each check, then what was found, the errors first. */
export function textOf({ checks, seconds, outcome }: Diagnosis): string {
  const rows = checks.map(({ state, check, meaning, seen, unchecked }) => [
    STATES[state].label,
    check,
    state === 'unused' ? 'not used' : state === 'unchecked' ? (unchecked ?? '') : state === 'ok' ? seen : meaning,
  ]);
  const [head, ...lines] = table(['', 'check', ''], rows, { wrap: true }).split('\n');
  const colors = new Map(Object.values(STATES).map(({ label, color }) => [label, color]));
  const painted = lines.map((line) => {
    const label = /^\S*/.exec(line)![0];
    const color = colors.get(label as 'ok');
    return color === undefined ? line : `${paint(color, label)}${line.slice(label.length)}`;
  });
  const found = (severity: Finding['severity']): string[] =>
    checks.flatMap(({ check, findings }) =>
      findings.filter((finding) => finding.severity === severity).map((finding) => textOfFinding(check, finding)),
    );
  const partly = checks.filter(({ state, unchecked }) => state === 'wrong' && unchecked !== undefined);
  return [
    [paint('bold', head!.trimEnd()), ...painted].join('\n'),
    ...found('error'),
    ...found('warning'),
    ...partly.map(({ check, unchecked }) => indented(`Not all of ${check} could be checked: ${unchecked}`, '')),
    conclusionOf(checks, outcome, seconds),
  ].join('\n\n');
}

function textOfFinding(check: string, { severity, what, detail, do: advice }: Finding): string {
  return [
    `${paint(SEVERITIES[severity], severity.toUpperCase())} ${paint('bold', what)} (${check})`,
    indented(detail, INDENT),
    indented(`Do: ${advice}`, INDENT),
  ].join('\n');
}

function indented(text: string, indent: string): string {
  return wrapped(text, WIDTH - indent.length)
    .map((line) => indent + line)
    .join('\n');
}

function conclusionOf(checks: readonly DiagnosedCheck[], outcome: Diagnosis['outcome'], seconds: number): string {
  const findings = checks.flatMap((check) => check.findings);
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const unchecked = checks.filter((check) => check.unchecked !== undefined).length;
  const parts = [
    errors > 0 ? countOf(errors, 'error') : '',
    findings.length > errors ? countOf(findings.length - errors, 'warning') : '',
    unchecked > 0 ? `${unchecked} not checked` : '',
  ].filter((part) => part !== '');
  const text = outcome === 'healthy' ? 'Nothing is wrong.' : `${parts.join(', ')}.`;
  return `${paint(outcome === 'healthy' ? 'green' : 'bold', text)} ${seconds.toFixed(1)} s`;
}
