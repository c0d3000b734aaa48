/** `npm run bench`: what a statement or a session costs directly, through other proxies, and through Understudy. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeConfigurations } from './configurations.ts';
import { describeCommit, describeMachine } from './machine.ts';
import { measure } from './measure.ts';
import { type BenchOptions, parseOptions, USAGE } from './options.ts';
import { PERFORMANCE_PAGE, withResults } from './performance-page.ts';
import { estimateSeconds, planCases } from './plan.ts';
import { profileByPerf, profileByV8 } from './profile.ts';
import {
  KEPT_RESULTS,
  type Machine,
  type Results,
  type Run,
  resultsText,
  TARGETS,
  type Target,
} from './results.ts';
import { setStage } from './stage.ts';
import { ROWS_PER_TABLE, TABLES } from './sysbench.ts';
import { renderResults } from './tables.ts';

const LEXER = fileURLToPath(new URL('lexer.ts', import.meta.url));
const JOURNAL = fileURLToPath(new URL('journal.ts', import.meta.url));
const PROFILED_BY_DEFAULT = { workload: 'oltp_point_select', protocol: 'text', threads: 8 } as const;

async function run(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if ('fault' in options) return refuse(options.fault);
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (options.lexer && !existsSync(LEXER)) return refuse('there is no bench/lexer.ts');
  if (options.journal) return runFile(JOURNAL);
  if (options.profile !== 'none') return runProfile(options);
  const machine = await describeMachine();
  const missing = missingPeers(machine);
  const unmet = (options.peers ?? []).flatMap((target) => missing.get(target) ?? []);
  if (unmet.length > 0) return refuse(unmet.join('\n'));
  if (options.peers === undefined) for (const text of missing.values()) note(text);
  const targets = options.peers ?? TARGETS.filter((target) => !missing.has(target));
  const results = await measureAll(options, machine, targets);
  process.stdout.write(`${renderResults(results)}\n`);
  keep(results, options);
  return options.lexer ? runFile(LEXER) : 0;
}

/** A sentence for each peer that can't be measured here. */
function missingPeers({ router, proxysql }: Machine): Map<Target, string> {
  const missing = new Map<Target, string>();
  if (router === null) {
    missing.set(
      'router',
      'MySQL Router is not on this machine: run "node scripts/mysql-root.mjs" as root to bring it',
    );
  }
  if (proxysql === null)
    missing.set('proxysql', 'ProxySQL is not on this machine: there is no proxysql in PATH');
  return missing;
}

async function measureAll(
  { selection, seconds, pinned }: BenchOptions,
  machine: Machine,
  targets: readonly Target[],
): Promise<Results> {
  const commit = await describeCommit();
  note(`starting two servers and ${targets.join(', ')}`);
  const stage = await setStage(targets, { pinned });
  try {
    const cases = planCases(selection);
    const estimate = estimateSeconds(cases, seconds, stage.ways);
    note(`measuring takes about ${Math.ceil(estimate)} s`);
    return {
      measuredAt: new Date().toISOString(),
      commit,
      machine,
      settings: { seconds, pinned, tables: TABLES, rowsPerTable: ROWS_PER_TABLE },
      configurations: describeConfigurations(targets),
      runs: await measure(stage.ways, cases, seconds, noteRun),
    };
  } finally {
    await stage.end();
  }
}

async function runProfile(options: BenchOptions): Promise<number> {
  const { selection, seconds, peers, profileFile, pinned } = options;
  const target = peers?.[0] ?? 'mirror-0';
  const { workload, protocol, threads } = PROFILED_BY_DEFAULT;
  const load = {
    workload: selection.workloads?.[0] ?? workload,
    protocol: selection.protocols?.[0] ?? protocol,
    threads: selection.threads?.[0] ?? threads,
  };
  const how = { pinned, seconds, keepAs: profileFile };
  const text = await (options.profile === 'perf' ? profileByPerf : profileByV8)(target, load, how);
  process.stdout.write(`${text}\n`);
  return 0;
}

function keep(results: Results, options: BenchOptions): void {
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, resultsText(results));
  if (!options.docs) return;
  writeFileSync(KEPT_RESULTS, resultsText(results));
  writeFileSync(PERFORMANCE_PAGE, withResults(readFileSync(PERFORMANCE_PAGE, 'utf8'), results));
}

function noteRun({
  workload,
  protocol,
  threads,
  round,
  target,
  perSecond,
  p99Ms,
  cpuMicros,
  othersShare,
}: Run): void {
  const cpu = cpuMicros === null ? '' : `, CPU ${(cpuMicros.user + cpuMicros.system).toFixed(1)} us each`;
  const others = othersShare === null ? '' : `, others ${Math.round(othersShare * 100)} %`;
  const load = `${workload} (${protocol}, ${threads} threads)`;
  note(`${load} round ${round} ${target}: ${Math.round(perSecond)}/s, p99 ${p99Ms} ms${cpu}${others}`);
}

function runFile(file: string): number {
  const args = ['--expose-gc', '--import', 'tsx', file];
  const done = spawnSync(process.execPath, args, { stdio: 'inherit' });
  return done.status ?? 1;
}

function refuse(fault: string): number {
  process.stderr.write(`${fault}\n${USAGE}`);
  return 2;
}

function note(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

// Through process.exit, so that the servers and the temporary folders go at once.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.exit(await run(process.argv.slice(2)));
