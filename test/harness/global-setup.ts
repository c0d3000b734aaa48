/** Runs once before the tests that need servers: are they installed, is dist/ as new as src/, is there data to begin with? */
import { spawnSync } from 'node:child_process';
import { mariadbTemplate } from './mariadb-template.ts';
import { mysqlTemplate } from './mysql-template.ts';
import { REPOSITORY } from './repository.ts';

export default async function setup(): Promise<void> {
  runScript('bootstrap.mjs', '--for=test', '--check');
  runScript('build.mjs');
  // In a fresh clone each of the first files would else make its own, all at once.
  await Promise.all([mariadbTemplate(), mysqlTemplate()]);
}

function runScript(name: string, ...args: readonly string[]): void {
  const script = new URL(`scripts/${name}`, REPOSITORY).pathname;
  const done = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr.trim() || `${name} ended with ${done.status}`);
}
