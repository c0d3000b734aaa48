/** One run of sysbench against one port. */
import { fileURLToPath } from 'node:url';
import { runCommand } from '../test/harness/cli.ts';
import type { Case } from './plan.ts';
import { unitOf } from './results.ts';

export const DATABASE = 'sbtest';
export const TABLES = 4;
export const ROWS_PER_TABLE = 10_000;

const PREPARE_TIMEOUT_MS = 120_000;
/** Beyond its own length a run may take this long to connect and to end. */
const MARGIN_MS = 30_000;

/** sysbench has no workload of connections; this is one in its own language. */
const SHORT_SESSIONS = fileURLToPath(new URL('short-sessions.lua', import.meta.url));

/** A client with TLS. */
export interface SecureClient {
  readonly user: string;
  /** Where its files are: see `BenchCertificates`. */
  readonly folder: string;
}

export interface Load extends Case {
  readonly port: number;
  /** Left out: without TLS. */
  readonly secure?: SecureClient | undefined;
  readonly seconds: number;
}

export interface LoadFigures {
  readonly statements: number;
  /** sysbench's events: sessions in short_sessions, transactions else. */
  readonly events: number;
  readonly statementsPerSecond: number;
  readonly eventsPerSecond: number;
  readonly p99Ms: number;
  readonly ignoredErrors: number;
}

export async function prepareTables(port: number): Promise<void> {
  await sysbench(['oltp_read_write', ...dataArguments({ port }), 'prepare'], PREPARE_TIMEOUT_MS);
}

/** Throws where a client saw an error that sysbench does not repeat by itself. */
export async function runLoad(load: Load): Promise<LoadFigures> {
  const program = unitOf(load.workload) === 'session' ? SHORT_SESSIONS : load.workload;
  const args = [program, ...dataArguments(load), ...loadArguments(load), 'run'];
  return parseSysbench(await sysbench(args, load.seconds * 1000 + MARGIN_MS, load.secure?.folder));
}

/** Even keys: with hot rows the locks would be measured, not the way to them. */
function loadArguments({ workload, protocol, threads, seconds }: Load): string[] {
  const prepared = protocol === 'prepared';
  return [
    `--db-ps-mode=${prepared ? 'auto' : 'disable'}`,
    ...(unitOf(workload) === 'session' ? [`--prepared=${prepared ? 'on' : 'off'}`] : []),
    `--threads=${threads}`,
    `--time=${seconds}`,
    '--rand-type=uniform',
    '--percentile=99',
  ];
}

function dataArguments({ port, secure }: Pick<Load, 'port' | 'secure'>): string[] {
  return [
    ...['--mysql-host=127.0.0.1', `--mysql-port=${port}`, `--mysql-db=${DATABASE}`],
    ...[`--mysql-user=${secure?.user ?? 'root'}`, `--mysql-ssl=${secure === undefined ? 'off' : 'on'}`],
    ...[`--tables=${TABLES}`, `--table-size=${ROWS_PER_TABLE}`],
  ];
}

async function sysbench(args: readonly string[], timeoutMs: number, cwd?: string): Promise<string> {
  const done = await runCommand('sysbench', args, { timeoutMs, ...(cwd === undefined ? {} : { cwd }) });
  if (done.code !== 0) {
    throw new Error(`sysbench ${args.join(' ')} ended with ${done.code}\n${done.stdout}${done.stderr}`);
  }
  return done.stdout;
}

/** Reads sysbench 1.0's report. */
export function parseSysbench(report: string): LoadFigures {
  const figure = (what: string, pattern: RegExp): number => {
    const text = pattern.exec(report)?.[1];
    if (text === undefined) throw new Error(`sysbench reports no ${what}:\n${report}`);
    return Number(text);
  };
  return {
    statements: figure('statements', /^\s*queries:\s+(\d+)/m),
    events: figure('events', /^\s*transactions:\s+(\d+)/m),
    statementsPerSecond: figure('rate', /^\s*queries:\s+\d+\s+\(([\d.]+) per sec/m),
    eventsPerSecond: figure('rate', /^\s*transactions:\s+\d+\s+\(([\d.]+) per sec/m),
    p99Ms: figure('99th percentile', /^\s*99th percentile:\s+([\d.]+)/m),
    ignoredErrors: figure('ignored errors', /^\s*ignored errors:\s+(\d+)/m),
  };
}
