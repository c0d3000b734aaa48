/** A worker's process as the supervisor holds it. Every choice about Node's child processes is made here. */
import { fork } from 'node:child_process';
import type { Order } from './worker-messages.ts';

export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it could not be started at all; null where it was. */
  readonly error: string | null;
}

export interface WorkerEvents {
  /** Whatever the worker sent, unchecked. */
  message(value: unknown): void;
  /** The process is gone, and all that it had sent was heard. Called once, last. */
  ended(end: WorkerEnd): void;
}

export interface WorkerProcess {
  /** Null where the process could not be started; then `ended` is called soon. */
  readonly pid: number | null;
  /** `taken` is called when the channel has taken the order, or never will. */
  send(order: Order, taken: () => void): void;
  kill(): void;
}

export type Launch = (events: WorkerEvents) => WorkerProcess;

/**
 * Launches `program` (the path of the command's own file) as `worker`. It writes to the same log as the
 * supervisor, whose death it notices by the end of the channel.
 */
export function forkWorker(program: string): Launch {
  return (events) => {
    const child = fork(program, ['worker'], {
      // Unlike JSON, it knows Buffers, NaN and Infinity.
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const waitingFor = new Set(['exit', 'disconnect']);
    let end: WorkerEnd = { code: null, signal: null, error: null };
    const over = (what: 'exit' | 'disconnect'): void => {
      if (waitingFor.delete(what) && waitingFor.size === 0) events.ended(end);
    };
    child.on('message', (value) => events.message(value));
    child.once('exit', (code, signal) => {
      end = { code, signal, error: null };
      over('exit');
    });
    child.once('disconnect', () => over('disconnect'));
    child.on('error', (error) => {
      if (child.pid !== undefined || waitingFor.size === 0) return;
      waitingFor.clear();
      events.ended({ code: null, signal: null, error: error.message });
    });
    return {
      pid: child.pid ?? null,
      send: (order, taken) => {
        if (!child.connected) taken();
        else child.send(order, () => taken());
      },
      kill: () => {
        child.kill('SIGKILL');
      },
    };
  };
}
