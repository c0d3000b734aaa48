/** How many files this process may have open: Node raises its soft limit to the hard one before it runs us. */
import { readFileSync } from 'node:fs';

const LIMITS_FILE = '/proc/self/limits';
const LINE = /^Max open files\s+(\d+|unlimited)\s/m;

/** Infinity: there is no limit, or the system does not tell of it as Linux does. */
export function openFilesMax(): number {
  try {
    return openFilesMaxIn(readFileSync(LIMITS_FILE, 'latin1'));
  } catch {
    return Infinity;
  }
}

/** The soft limit in the text of proc(5)'s `limits`. */
export function openFilesMaxIn(limits: string): number {
  const soft = LINE.exec(limits)?.[1];
  return soft === undefined || soft === 'unlimited' ? Infinity : Number(soft);
}
