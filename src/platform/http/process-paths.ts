/**
 * The paths of what machines ask a process itself, each with its operation: ours, and those of Spring Boot's actuator,
 * which probes and scrapers are often written for. Both are the same in everything.
 */
export const LIVENESS_PATHS = {
  '/health/liveness': 'checkLiveness',
  '/actuator/health/liveness': 'checkActuatorLiveness',
};
export const READINESS_PATHS = {
  '/health/readiness': 'checkReadiness',
  '/actuator/health/readiness': 'checkActuatorReadiness',
  '/actuator/health': 'checkActuatorHealth',
};
export const METRICS_PATHS = { '/metrics': 'readMetrics', '/actuator/prometheus': 'readActuatorPrometheus' };

/** What machines ask a process itself, and not the system behind it. */
export const PROCESS_PATHS: ReadonlySet<string | undefined> = new Set(
  [LIVENESS_PATHS, READINESS_PATHS, METRICS_PATHS].flatMap((paths) => Object.keys(paths)),
);

/** `The same as /health/liveness` for another path of it. */
export function summaryOf(path: string, [ours]: readonly string[], summary: string): string {
  return path === ours ? summary : `The same as ${ours}`;
}
