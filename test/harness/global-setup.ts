/** Runs once before the tests that need servers: are they installed, and is dist/ as new as src/? */
import { spawnSync } from 'node:child_process';
import { REPOSITORY } from './repository.ts';

export default function setup(): void {
  runScript('bootstrap.mjs', '--for=test', '--check');
  runScript('build.mjs');
}

function runScript(name: string, ...args: readonly string[]): void {
  const script = new URL(`scripts/${name}`, REPOSITORY).pathname;
  const done = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr.trim() || `${name} ended with ${done.status}`);
}
