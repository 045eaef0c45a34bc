import { afterEach, beforeEach, vi } from 'vitest';

/** What commands that run in this process print, instead of a terminal. */
export interface Terminal {
  readonly printed: string;
  readonly complained: string;
  /** Forgets what was printed so far. */
  clear(): void;
}

/** Catches what the tests of a file print, and puts their exit codes back. */
export function useTerminal(): Terminal {
  const terminal = {
    printed: '',
    complained: '',
    clear() {
      terminal.printed = terminal.complained = '';
    },
  };
  beforeEach(() => {
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((terminal.printed += String(text)), true));
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((terminal.complained += String(text)), true));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = 0;
  });
  return terminal;
}
