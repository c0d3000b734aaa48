/**
 * Child processes of tests, demo and benches: started until ready, their output kept for errors, and gone
 * when the parent is gone. On Linux the kernel sees to that (a parent-death signal by setpriv).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../src/base/errors.ts';
import { waitFor } from './wait.ts';

const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
const OUTPUT_KEPT_MAX = 4 * 1024 * 1024;
const TAIL_SHOWN = 4000;
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
// Servers live in sbin, which an ordinary user's PATH may leave out.
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`;

export interface ChildOptions {
  /** The name used in errors. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** What it reads from its standard input, whole. Left out: nothing. */
  readonly input?: string | Buffer;
  /** True once the child serves. Left out: it is ready at once. */
  readonly ready?: () => Promise<boolean>;
  readonly readyTimeoutMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Settles when the process has ended and its output is read; never rejects. */
  readonly exited: Promise<Exit>;
  running(): boolean;
  /** Standard output and standard error so far: the last 4 MiB of each. */
  stdout(): string;
  stderr(): string;
  /** SIGTERM, then SIGKILL after `timeoutMs`. A paused child is resumed first. */
  stop(timeoutMs?: number): Promise<Exit>;
  kill9(): Promise<Exit>;
  /** SIGSTOP: the kernel still accepts connections, and nothing answers. */
  pause(): void;
  resume(): void;
  signal(signal: NodeJS.Signals): void;
}

const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Starts a process and waits until it is ready. Throws, with the end of its output, where it isn't. */
export async function startChild(options: ChildOptions): Promise<Child> {
  if (!commandExists(options.command))
    throw new Error(`${options.name}: there is no command ${options.command}`);
  const [command, args] = dyingWithParent(options.command, options.args);
  const spawned = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, PATH, ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  // A child may end before it has read everything; what it then misses is its own affair.
  spawned.stdin?.on('error', () => undefined).end(options.input);
  const child = await wrap(options.name, spawned);
  const { ready } = options;
  if (ready === undefined) return child;
  try {
    await waitUntilReady(child, ready, options.readyTimeoutMs ?? READY_TIMEOUT_MS);
  } catch (error) {
    await child.kill9();
    const reason = messageOf(error);
    throw new Error(`${options.name}: ${reason}\n${tail(child.stdout() + child.stderr())}`);
  }
  return child;
}

/** Asked beforehand: setpriv would be started well, and fail later in words of its own. */
function commandExists(command: string): boolean {
  if (command.includes('/')) return existsSync(command);
  return PATH.split(delimiter).some((folder) => existsSync(join(folder, command)));
}

function dyingWithParent(command: string, args: readonly string[]): [string, string[]] {
  if (SETPRIV === undefined) return [command, [...args]];
  return [SETPRIV, ['--pdeathsig', 'KILL', '--', command, ...args]];
}

async function waitUntilReady(child: Child, ready: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const outcome = await waitFor(async () => (child.running() ? (await ready()) && 'ready' : 'ended'), {
    timeoutMs,
    what: 'it to be ready',
  });
  if (outcome === 'ended') {
    const { code, signal } = await child.exited;
    throw new Error(`ended before it was ready (${signal ?? `exit code ${code}`})`);
  }
}

async function wrap(name: string, spawned: ChildProcess): Promise<Child> {
  const stdout = keepOutput(spawned.stdout);
  const stderr = keepOutput(spawned.stderr);
  const exited = new Promise<Exit>((resolve) => {
    spawned.once('close', (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    spawned.once('spawn', resolve);
    spawned.once('error', (error) => reject(new Error(`${name} can't be started: ${error.message}`)));
  });
  const { pid } = spawned;
  if (pid === undefined) throw new Error(`${name} has no process id`);
  alive.add(spawned);
  spawned.once('exit', () => alive.delete(spawned));
  const running = () => spawned.exitCode === null && spawned.signalCode === null;
  const send = (signal: NodeJS.Signals): void => {
    if (running()) spawned.kill(signal);
  };
  const kill9 = (): Promise<Exit> => {
    send('SIGKILL');
    return exited;
  };
  return {
    name,
    pid,
    exited,
    running,
    stdout,
    stderr,
    kill9,
    signal: send,
    pause: () => send('SIGSTOP'),
    resume: () => send('SIGCONT'),
    async stop(timeoutMs = STOP_TIMEOUT_MS) {
      send('SIGCONT');
      send('SIGTERM');
      const deadline = new AbortController();
      const late = delay(timeoutMs, 'late' as const, { signal: deadline.signal }).catch(
        () => 'late' as const,
      );
      const first = await Promise.race([exited, late]);
      deadline.abort();
      return first === 'late' ? kill9() : first;
    },
  };
}

function keepOutput(stream: NodeJS.ReadableStream | null): () => string {
  let kept = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    kept += chunk;
    if (kept.length > 2 * OUTPUT_KEPT_MAX) kept = kept.slice(-OUTPUT_KEPT_MAX);
  });
  return () => kept.slice(-OUTPUT_KEPT_MAX);
}

/** The end of what a child wrote, as an error shows it. */
export function tail(output: string): string {
  return output.length === 0 ? '(it wrote nothing)' : output.slice(-TAIL_SHOWN);
}
