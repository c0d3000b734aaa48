/** CPU time of a whole process, all its threads, from Linux's /proc. */
import { readFileSync } from 'node:fs';

// proc(5) counts in clock ticks, and Linux shows programs 100 a second whatever its own rate is.
const MICROS_PER_TICK = 10_000;
const UTIME_FIELD = 14;
const STIME_FIELD = 15;
const FIRST_FIELD_AFTER_NAME = 3;

/** Microseconds since the process began. */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

export function readCpuTime(pid: number): CpuTime {
  return parseCpuTime(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** The process's name stands in parentheses and may hold blanks and parentheses itself. */
export function parseCpuTime(stat: string): CpuTime {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (field: number): number => {
    const value = Number(fields[field - FIRST_FIELD_AFTER_NAME]);
    if (!Number.isInteger(value)) throw new Error(`no field ${field} in ${stat}`);
    return value;
  };
  return { user: ticks(UTIME_FIELD) * MICROS_PER_TICK, system: ticks(STIME_FIELD) * MICROS_PER_TICK };
}
