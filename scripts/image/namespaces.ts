/** Processes in namespaces of their own, by the program `unshare`. */
import { readFileSync } from 'node:fs';

/** What is mounted, or left running, is gone with the command. */
export const OWN_NAMESPACES: readonly string[] = ['--mount', '--pid', '--fork', '--kill-child'];

/** The process that `unshare` has started; undefined while there is none. */
export function firstChild(pid: number): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? undefined : Number(children.split(' ')[0]);
}
