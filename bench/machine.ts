/** What the figures were measured on. */
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../test/harness/cli.ts';
import { REPOSITORY } from '../test/harness/repository.ts';
import { routerVersion } from './mysql-router.ts';
import { proxysqlVersion } from './proxysql.ts';
import type { Machine } from './results.ts';

const GIBIBYTE = 1024 ** 3;

/** Called before the load begins: the load average is to tell of others. */
export async function describeMachine(): Promise<Machine> {
  const [mariadb, haproxy, router, proxysql, sysbench] = await Promise.all([
    version('mariadbd', ['--no-defaults', '--version'], /Ver (\d+\.\d+\.\d+)/),
    version('haproxy', ['-v'], /version (\d+\.\d+\.\d+)/),
    routerVersion(),
    proxysqlVersion(),
    version('sysbench', ['--version'], /sysbench (\d+\.\d+\.\d+)/),
  ]);
  return {
    cpu: /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / GIBIBYTE),
    kernel: release().replace(/^(\d+\.\d+\.\d+).*$/, '$1'),
    loadAverage: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    node: process.versions.node,
    mariadb,
    haproxy,
    router,
    proxysql,
    sysbench,
  };
}

/** The commit that was measured; "+" where the checkout had changes, "unknown" outside of a checkout. */
export async function describeCommit(): Promise<string> {
  const git = (...args: string[]) => runCommand('git', args, { cwd: fileURLToPath(REPOSITORY) });
  const head = await git('rev-parse', '--short=10', 'HEAD');
  if (head.code !== 0) return 'unknown';
  const changes = await git('status', '--porcelain', '--untracked-files=no', '--', 'src');
  return head.stdout.trim() + (changes.stdout === '' ? '' : '+');
}

async function version(command: string, args: readonly string[], pattern: RegExp): Promise<string> {
  const { stdout } = await runCommand(command, args);
  return pattern.exec(stdout)?.[1] ?? stdout.trim();
}
