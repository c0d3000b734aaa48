/** CPU time of a process with all its threads and all its descendants, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';

// proc(5) counts in clock ticks, and Linux shows programs 100 a second whatever its own rate is.
const MICROS_PER_TICK = 10_000;
const PPID_FIELD = 4;
const UTIME_FIELD = 14;
const STIME_FIELD = 15;
const CUTIME_FIELD = 16;
const CSTIME_FIELD = 17;
const FIRST_FIELD_AFTER_NAME = 3;

/** Microseconds since the process began. */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

/** One line of /proc/PID/stat. */
export interface ProcessStat {
  readonly parent: number;
  /** Its own, and that of its children which have ended. */
  readonly cpu: CpuTime;
  /** Of these children alone. */
  readonly ended: CpuTime;
}

/** The process and every descendant, ended ones too. Throws where the process itself is gone. */
export function readCpuTime(pid: number): CpuTime {
  return sumOfTree(readAll(), pid);
}

/** Of a process's children that have ended, and of theirs. Throws where the process itself is gone. */
export function readEndedCpu(pid: number): CpuTime {
  return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8')).ended;
}

/** The ids of a process and of every descendant. */
export function readTree(pid: number): number[] {
  const all = readAll();
  const below = (root: number): number[] => [
    root,
    ...[...all].flatMap(([child, { parent }]) => (parent === root ? below(child) : [])),
  ];
  return below(pid);
}

/** Microseconds that all cores together have worked since the machine began. */
export function readMachineCpu(): number {
  return parseMachineCpu(readFileSync('/proc/stat', 'utf8'));
}

/** The same, and microseconds in which cores had nothing to do, or waited for a disk. */
export function readMachineTime(): MachineTime {
  return parseMachineTime(readFileSync('/proc/stat', 'utf8'));
}

/** Microseconds of all cores together, since the machine began. */
export interface MachineTime {
  readonly busy: number;
  readonly idle: number;
}

/** Everything but what was idle; time that a guest used stands in the others already. */
export function parseMachineCpu(stat: string): number {
  return parseMachineTime(stat).busy;
}

export function parseMachineTime(stat: string): MachineTime {
  const fields = /^cpu\s+(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, irq = 0, softirq = 0, steal = 0] = fields;
  return {
    busy: (user + nice + system + irq + softirq + steal) * MICROS_PER_TICK,
    idle: (idle + ioWait) * MICROS_PER_TICK,
  };
}

export function sumOfTree(all: ReadonlyMap<number, ProcessStat>, root: number): CpuTime {
  const own = all.get(root)?.cpu;
  if (own === undefined) throw new Error(`there is no process ${root}`);
  let { user, system } = own;
  for (const [pid, { parent }] of all) {
    if (parent !== root) continue;
    const below = sumOfTree(all, pid);
    user += below.user;
    system += below.system;
  }
  return { user, system };
}

/** The process's name stands in parentheses and may hold blanks and parentheses itself. */
export function parseStat(stat: string): ProcessStat {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (index: number): number => {
    const value = Number(fields[index - FIRST_FIELD_AFTER_NAME]);
    if (!Number.isInteger(value)) throw new Error(`no field ${index} in ${stat}`);
    return value;
  };
  const micros = (index: number): number => field(index) * MICROS_PER_TICK;
  const own = { user: micros(UTIME_FIELD), system: micros(STIME_FIELD) };
  const ended = { user: micros(CUTIME_FIELD), system: micros(CSTIME_FIELD) };
  const cpu = { user: own.user + ended.user, system: own.system + ended.system };
  return { parent: field(PPID_FIELD), cpu, ended };
}

function readAll(): Map<number, ProcessStat> {
  const all = new Map<number, ProcessStat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
    if (stat !== undefined) all.set(Number(name), stat);
  }
  return all;
}

/** Undefined: it ended between the listing and the reading. */
function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
