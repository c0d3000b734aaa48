/** Every process that this one started, and those that they started, as the kernel lists them. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;
const END_TIMEOUT_MS = 15_000;
/** It removes the temporary files once this process is gone, and ends by itself: it is the last to leave. */
const REAPER = 'understudy-reaper';

/**
 * Kills all descendants, again and again until `settled` has settled and none is left: whoever still waits for
 * a server to start finds it dead, and starts no other. What they held is thrown away.
 */
export async function endDescendants(settled: Promise<unknown>): Promise<void> {
  let pending = true;
  const done = () => {
    pending = false;
  };
  settled.then(done, done);
  const deadline = performance.now() + END_TIMEOUT_MS;
  for (;;) {
    const left = descendantsOf(process.pid);
    for (const pid of left) kill(pid);
    if (!pending && left.length === 0) return;
    if (performance.now() > deadline) return;
    await delay(POLL_MS);
  }
}

function descendantsOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const { pid, parent } of listProcesses()) {
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found: number[] = [];
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    const own = (children.get(pid) ?? []).filter((child) => !commandOf(child).includes(REAPER));
    found.push(...own);
    open.push(...own);
  }
  return found;
}

/** Empty where there is no /proc: then each child's own end must do. */
function listProcesses(): { pid: number; parent: number }[] {
  const names = attempt(() => readdirSync('/proc')) ?? [];
  return names
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      // The command stands in brackets and may hold anything; state and parent come behind it.
      const text = attempt(() => readFileSync(`/proc/${name}/stat`, 'latin1'));
      const [state, parent] = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
      return state === undefined || state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent) }];
    });
}

function commandOf(pid: number): string {
  return attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1')) ?? '';
}

function kill(pid: number): void {
  attempt(() => process.kill(pid, 'SIGKILL'));
}

/** A process may end between being listed and being looked at. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
