/** A process of the demo's own that runs one of its files and sends messages. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { withDeadline } from '../../test/harness/deadline.ts';

const STOP_TIMEOUT_MS = 30_000;
const ERRORS_SHOWN = 2000;

export interface WorkerProcess<Down> {
  send(message: Down): void;
  /** Sends `message`, and waits until the process has ended by itself. Throws where it failed or hangs. */
  end(message: Down): Promise<void>;
  /** Why it ended unasked; undefined while all is well. */
  failure(): string | undefined;
}

/**
 * Starts `file` (relative to this folder) with `config` as its one argument, as JSON. It must end when its
 * channel to this process closes, so that it never outlives it.
 */
export function startWorkerProcess<Up, Down extends object>(
  file: string,
  config: object,
  onMessage: (message: Up) => void,
): WorkerProcess<Down> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child: ChildProcess = fork(path, [JSON.stringify(config)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors = (errors + chunk).slice(-ERRORS_SHOWN);
  });
  child.on('message', (message) => onMessage(message as Up));
  let failure: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      failure ??= `${file} can't be started: ${error.message}`;
      resolve();
    });
    child.once('close', (code, signal) => {
      if (code !== 0) failure ??= `${file} ended (${signal ?? `exit code ${code}`})\n${errors}`;
      resolve();
    });
  });
  const send = (message: Down): void => {
    // A process that has just failed can't be told; why it failed is known from its end.
    if (child.connected) child.send(message, () => {});
  };
  return {
    send,
    failure: () => failure,
    async end(message) {
      send(message);
      await withDeadline(ended, STOP_TIMEOUT_MS);
      if (failure !== undefined) throw new Error(failure);
    },
  };
}
