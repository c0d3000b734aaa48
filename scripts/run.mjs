/**
 * `node scripts/run.mjs FILE.ts [args]`: makes the machine ready, builds, then runs FILE by tsx.
 * Signals are passed on; the exit code is FILE's.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { buildIfStale } from './build.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SIGNAL_EXIT_BASE = 128;
const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('usage: run.mjs FILE.ts [args]\n');
  process.exit(2);
}

await bootstrap(taskOf(file));
buildIfStale();
const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, file), ...args], { stdio: 'inherit' });
for (const signal of Object.keys(SIGNALS)) {
  // A terminal's Ctrl-C reaches the child by itself (one process group); a second copy would count as a
  // second Ctrl-C, which means "at once".
  process.on(signal, () => {
    if (signal !== 'SIGINT' || process.stdin.isTTY !== true) child.kill(signal);
  });
}
child.once('exit', (code, signal) => process.exit(code ?? SIGNAL_EXIT_BASE + (SIGNALS[signal] ?? 9)));

/** What a file needs of the machine. */
function taskOf(path) {
  if (path.startsWith('bench/')) return 'bench';
  return /^scripts\/(?:verify-|fidelity\/|applications\/)/.test(path) ? 'test' : 'demo';
}
