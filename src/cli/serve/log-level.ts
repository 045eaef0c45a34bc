import { type LogLevel, type Logger, setLogLevel } from '#platform/telemetry/logger.ts';

/** So long everything is logged after a signal: nobody has to remember to turn it off. */
const LOUD_MS = 10 * 60_000;

/**
 * `kill -USR2` of a process: it logs everything for ten minutes; once more: as before. Returns what stops listening.
 * The level is one of a process, so replicas are asked one by one.
 */
export function changeLevelOnSignal(logger: Logger): () => void {
  const usual = logger.level as LogLevel;
  let back: NodeJS.Timeout | undefined;
  const quiet = (): void => {
    clearTimeout(back);
    back = undefined;
    logger.warn({ level: usual }, 'logging as before');
    setLogLevel(logger, usual);
  };
  const onSignal = (): void => {
    if (back) return quiet();
    setLogLevel(logger, 'debug');
    logger.warn({ minutes: LOUD_MS / 60_000 }, 'logging everything; SIGUSR2 ends it');
    back = setTimeout(quiet, LOUD_MS).unref();
  };
  process.on('SIGUSR2', onSignal);
  return () => {
    clearTimeout(back);
    process.off('SIGUSR2', onSignal);
  };
}
