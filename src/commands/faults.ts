/** What a command found wrong, as it is told to people. */
import { sanitize } from '../control/sanitize.ts';
import type { CommandContext } from './command-context.ts';

const FAULT_SHOWN = 1000;

/** Each on a line of standard error, cut where a server's own words make it longer than that. */
export function tellFaults(faults: readonly string[], context: CommandContext): void {
  for (const fault of faults) context.err(sanitize(fault, FAULT_SHOWN));
}
