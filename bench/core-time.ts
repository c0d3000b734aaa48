/** Whose the cores' time was while a load ran: of the client, the servers, what stands between them, or nobody's. */
import { z } from 'zod';
import { decimals, percent, table } from './markdown.ts';
import { median } from './median.ts';
import { type CpuTime, readCpuTime, readEndedCpu, readMachineTime } from './process-cpu.ts';

/** Microseconds of CPU a statement or session, and the idle share of all cores' time, from 0 to 1. */
export const coreTimeSchema = z.strictObject({
  client: z.number(),
  between: z.number(),
  old: z.number(),
  new: z.number(),
  /** All else that the machine did, other programs among it. */
  rest: z.number(),
  idleShare: z.number(),
});

export type CoreTime = z.output<typeof coreTimeSchema>;

/** The processes of one way; the client is a child of this process that has ended when it is over. */
export interface CoreUsers {
  readonly between: number | undefined;
  readonly old: number;
  readonly new: number;
}

/** Begins to look; called again, with the statements or sessions of the load, it tells what became of the time since. */
export function watchCores(users: CoreUsers): (units: number) => CoreTime {
  const before = look(users);
  return (units) => {
    const after = look(users);
    const spent = (of: keyof typeof before): number => after[of] - before[of];
    const each = (micros: number): number => Math.round((micros / units) * 100) / 100;
    const told = spent('client') + spent('between') + spent('old') + spent('new');
    return {
      client: each(spent('client')),
      between: each(spent('between')),
      old: each(spent('old')),
      new: each(spent('new')),
      rest: each(Math.max(0, spent('busy') - told)),
      idleShare: Math.round((spent('idle') / (spent('busy') + spent('idle'))) * 1000) / 1000,
    };
  };
}

/** One line for each way; empty where it was not looked at. `named` are the runs of each way, in the order of the lines. */
export function renderCores(
  named: readonly { readonly name: string; readonly times: readonly CoreTime[] }[],
  unit: string,
): string {
  const seen = named.filter(({ times }) => times.length > 0);
  if (seen.length === 0) return '';
  const figure = (times: readonly CoreTime[], of: keyof CoreTime): number =>
    median(times.map((time) => time[of]));
  const rows = seen.map(({ name, times }) => [
    name,
    ...(['client', 'between', 'old', 'new', 'rest'] as const).map((of) => decimals(figure(times, of), 1)),
    decimals(median(times.map(busyMicros)), 1),
    percent(figure(times, 'idleShare')),
  ]);
  const header = ['sysbench', 'in between', 'old server', 'new server', 'rest', 'sum', 'cores idle'];
  return table([`CPU µs/${unit} while the load ran`, ...header], rows);
}

function busyMicros(time: CoreTime): number {
  return time.client + time.between + time.old + time.new + time.rest;
}

function look({ between, old, new: fresh }: CoreUsers) {
  const none: CpuTime = { user: 0, system: 0 };
  const { busy, idle } = readMachineTime();
  return {
    client: total(readEndedCpu(process.pid)),
    between: total(between === undefined ? none : readCpuTime(between)),
    old: total(readCpuTime(old)),
    new: total(readCpuTime(fresh)),
    busy,
    idle,
  };
}

function total({ user, system }: CpuTime): number {
  return user + system;
}
