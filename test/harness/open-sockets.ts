/** The TCP sockets that a process holds, as Linux tells of them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTENING = '0A';

/** How many connections over IPv4 with this port, at either end, the process holds. */
export function countSockets(pid: number, port: number): number {
  const held = new Set(inodesOf(pid));
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1);
  return lines.filter((line) => {
    const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
    if (state === LISTENING || inode === undefined || !held.has(inode)) return false;
    return local?.endsWith(suffix) === true || remote?.endsWith(suffix) === true;
  }).length;
}

/** What is closed while it is looked at is left out. */
function inodesOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}
