/**
 * Temporary directories that go with the process, however it ends. A small shell holds the other end of a
 * pipe: when this process dies, even by SIGKILL, the pipe closes and the shell removes the directory.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// A child that is dying may still write: the removal is tried for up to ten seconds.
const REAPER = `
trap '' INT TERM HUP
cat >/dev/null
n=0
while [ $n -lt 50 ] && [ -e "$1" ]; do rm -rf -- "$1" 2>/dev/null || sleep 0.2; n=$((n+1)); done
`;

let root: string | undefined;
let count = 0;

/** Makes a directory `<name>-<n>` under this process's own temporary root and returns its path. */
export function temporaryDirectory(name: string): string {
  root ??= makeRoot();
  count += 1;
  const path = join(root, `${name}-${count}`);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Removes one directory early, where many would pile up in a long process. */
export function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

function makeRoot(): string {
  const path = mkdtempSync(join(tmpdir(), 'understudy-'));
  const reaper = spawn('/bin/sh', ['-c', REAPER, 'understudy-reaper', path], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  reaper.unref();
  // A pipe's handle would keep the event loop alive; its type does not say that it is a socket.
  if (reaper.stdin !== null && 'unref' in reaper.stdin && typeof reaper.stdin.unref === 'function') {
    reaper.stdin.unref();
  }
  process.once('exit', () => rmSync(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 }));
  return path;
}
