/** The sync, Percona's pt-table-sync and a bare scan by the same hash, each measured once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checksumSql } from '../src/sync/checksum-sql.ts';
import { DEFAULT_HASH } from '../src/sync/hash-method.ts';
import { onBoth } from '../src/sync/side.ts';
import type { SyncReport } from '../src/sync/sync-report.ts';
import { pairTables } from '../src/sync/table-pair.ts';
import { readTableShape } from '../src/sync/table-shape.ts';
import { runCommand } from '../test/harness/cli.ts';
import { startChild } from '../test/harness/process.ts';
import { MAIN } from '../test/harness/proxy.ts';
import { openServer } from '../test/harness/sync-servers.ts';
import { temporaryDirectory } from '../test/harness/temp.ts';
import { DATABASE, type SyncClusters, type Table } from './sync-stage.ts';

const LIMIT_MS = 600_000;
const READING_GAP_MS = 20;
/** pt-table-sync ends so where it found differences. */
const PT_FOUND = 2;

export interface SyncRun {
  /** Of the whole command, the start of Node with it. */
  readonly seconds: number;
  /** Of its passes alone. */
  readonly passSeconds: number;
  /** Of both, those of the passes behind the first, which find nothing where the first has repaired it all. */
  readonly closingSeconds: number;
  readonly rowsFound: number;
  readonly code: number | null;
  /** Of the process: the most that was resident. */
  readonly peakBytes: number;
}

/** `understudy sync --full --table TABLE …`. Throws where it ends as it may not. */
export async function runSync(
  { config }: SyncClusters,
  table: Table,
  args: readonly string[],
  expected: number,
): Promise<SyncRun> {
  const report = join(temporaryDirectory('bench-report'), 'report.json');
  const begin = performance.now();
  const child = await startChild({
    name: 'understudy sync',
    command: process.execPath,
    args: [MAIN, 'sync', '--config', config, '--full', '--table', table, '--report', report, ...args],
  });
  let peakBytes = 0;
  const reading = setInterval(() => {
    peakBytes = peakOf(child.pid) ?? peakBytes;
  }, READING_GAP_MS);
  const { code } = await child.exited;
  clearInterval(reading);
  const seconds = (performance.now() - begin) / 1000;
  if (code !== expected)
    throw new Error(
      `understudy sync ended with ${code}, not ${expected}\n${child.stdout()}${child.stderr()}`,
    );
  const { passes } = JSON.parse(readFileSync(report, 'utf8')) as SyncReport;
  const rows = passes.map(({ counts }) => counts.rows);
  const passSeconds = passes.reduce((sum, pass) => sum + pass.seconds, 0);
  const closingSeconds = passSeconds - (passes[0]?.seconds ?? 0);
  process.stderr.write(
    `sync: ${table} ${args.join(' ')}: ${seconds.toFixed(2)} s, its passes ${passSeconds.toFixed(2)} s\n`,
  );
  return {
    seconds,
    passSeconds,
    closingSeconds,
    rowsFound: rows.reduce((sum, { missing, extra, different }) => sum + missing + extra + different, 0),
    code,
    peakBytes,
  };
}

/** Null: it is gone. */
function peakOf(pid: number): number | null {
  try {
    const kibibytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  } catch {
    return null;
  }
}

/** Seconds, and the statements that it printed. */
export async function runPtTableSync(
  { old, new: fresh }: SyncClusters,
  table: Table,
): Promise<{ readonly seconds: number; readonly printed: number }> {
  const file = join(temporaryDirectory('bench-pt'), 'statements.sql');
  const from = `h=127.0.0.1,P=${old.port},u=root,D=${DATABASE},t=${table}`;
  const begin = performance.now();
  const command = `exec pt-table-sync --print ${from} h=127.0.0.1,P=${fresh.port} > ${file}`;
  const { code, stderr } = await runCommand('sh', ['-c', command], { timeoutMs: LIMIT_MS });
  const seconds = (performance.now() - begin) / 1000;
  if (code !== 0 && code !== PT_FOUND) throw new Error(`pt-table-sync ended with ${code}\n${stderr}`);
  const printed = readFileSync(file, 'utf8').match(/^(?:DELETE|INSERT|REPLACE|UPDATE)\b/gm)?.length ?? 0;
  return { seconds, printed };
}

/** Seconds of one query on each side, both at a time, as the sync asks them. */
export async function scanBoth(clusters: SyncClusters, table: Table): Promise<number> {
  const opened = await onBoth((side) =>
    openServer(clusters[side], DATABASE, { side, queryLimitMs: LIMIT_MS }),
  );
  try {
    const servers = { old: opened.old.server, new: opened.new.server };
    const shapes = await onBoth((side) => readTableShape(servers[side], DATABASE, table));
    const pairing = pairTables(table, shapes, servers, 'folderid');
    if ('faults' in pairing) throw new Error(pairing.faults.join('; '));
    const begin = performance.now();
    await onBoth((side) => {
      const { aggregates } = checksumSql(pairing.pair, side, servers[side], DEFAULT_HASH);
      return servers[side].rows(`SELECT COUNT(*), ${aggregates.join(', ')} FROM ${table}`);
    });
    return (performance.now() - begin) / 1000;
  } finally {
    opened.old.pool.close();
    opened.new.pool.close();
  }
}
