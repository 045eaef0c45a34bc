export function ensureConsole(): Promise<string | undefined>;
