export const serviceFlags: readonly string[];
export function nodeFlags(args: readonly string[]): readonly string[];
