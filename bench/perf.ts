/**
 * Linux's perf on a Node process: where it uses CPU, in the kernel too. V8's own profiles count a thread that
 * another one has pushed off its core, or that the kernel holds in a call, as busy where it stands.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../test/harness/cli.ts';
import { startChild } from '../test/harness/process.ts';
import { readTree } from './process-cpu.ts';
import { byFile, type FileTime, shortPath } from './self-time.ts';

/** Makes V8 tell perf which machine code is which function. */
export const PERF_NODE_ARGUMENTS = ['--perf-basic-prof'];
const SAMPLES_PER_SECOND = 997;
const LOOK_MS = 500;

export interface PerfRecording {
  /** Ends the recording; what used the CPU. */
  end(): Promise<FileTime[]>;
}

/** Records the process and its descendants, in a folder that the caller owns. Throws where there is no perf. */
export async function startPerf(pid: number, folder: string): Promise<PerfRecording> {
  const pids = readTree(pid);
  const file = join(folder, 'perf.data');
  const target = ['--pid', pids.join(','), '--output', file];
  const child = await startChild({
    name: 'perf record',
    command: 'perf',
    args: ['record', '--event', 'cpu-clock', '--freq', String(SAMPLES_PER_SECOND), ...target],
  });
  return {
    async end() {
      child.signal('SIGINT');
      await child.exited;
      return report(file);
    },
  };
}

async function report(file: string): Promise<FileTime[]> {
  const args = ['report', '--input', file, '--stdio', '--fields', 'overhead,dso,sym'];
  const { code, stdout, stderr } = await runCommand('perf', args);
  if (code !== 0) throw new Error(`perf report ended with ${code}: ${stderr}`);
  return parsePerfReport(stdout);
}

/** Reads lines of `12.06%  [kernel.kallsyms]  [k] tcp_ack`; V8 names its functions `JS:*name file:line:column`. */
export function parsePerfReport(text: string): FileTime[] {
  return byFile(
    text.split('\n').flatMap((line) => {
      const [, percent, dso, symbol] = /^\s*([\d.]+)%\s+(.*?)\s+\[.\]\s+(.*?)\s*$/.exec(line) ?? [];
      if (percent === undefined || dso === undefined || symbol === undefined) return [];
      return [{ ...placeOf(dso, symbol), weight: Number(percent) }];
    }),
  );
}

function placeOf(dso: string, symbol: string): { readonly file: string; readonly name: string } {
  const [, name, url, line] = /^JS:[*~^+]*(\S*) (\S+?):(\d+):\d+$/.exec(symbol) ?? [];
  if (name !== undefined && url !== undefined) return { file: shortPath(url), name: `${name}:${line}` };
  if (dso.startsWith('[kernel')) return { file: '(kernel)', name: symbol };
  if (symbol.startsWith('Builtins_')) return { file: "(V8's built-in functions)", name: symbol };
  if (symbol.startsWith('v8::')) return { file: '(V8)', name: symbol };
  return { file: dso.startsWith('[JIT]') ? '(other compiled code)' : `(${dso})`, name: symbol };
}

/**
 * V8 writes files for perf where perf looks for them, and leaves them there. To be called before any process
 * is started with the arguments above: this one may be interrupted at any moment.
 */
export function removeMapsAtExit(): void {
  const seen = new Set<number>();
  const look = (): void => {
    for (const pid of readTree(process.pid)) seen.add(pid);
  };
  setInterval(look, LOOK_MS).unref();
  process.once('exit', () => {
    look();
    for (const pid of seen) rmSync(`/tmp/perf-${pid}.map`, { force: true });
  });
}
