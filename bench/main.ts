/** `npm run bench`: what a statement costs directly, through HAProxy, and through Understudy. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeCommit, describeMachine } from './machine.ts';
import { measure } from './measure.ts';
import { type BenchOptions, parseOptions, USAGE } from './options.ts';
import { PERFORMANCE_PAGE, withResults } from './performance-page.ts';
import { KEPT_RESULTS, type Results, type Run, resultsText } from './results.ts';
import { setStage } from './stage.ts';
import { ROWS_PER_TABLE, TABLES } from './sysbench.ts';
import { renderResults } from './tables.ts';

const LEXER = fileURLToPath(new URL('lexer.ts', import.meta.url));

async function run(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if ('fault' in options) return refuse(options.fault);
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (options.lexer && !existsSync(LEXER)) return refuse('there is no bench/lexer.ts');
  const results = await measureAll(options);
  process.stdout.write(`${renderResults(results)}\n`);
  keep(results, options);
  return options.lexer ? runLexer() : 0;
}

async function measureAll(options: BenchOptions): Promise<Results> {
  const [machine, commit] = [await describeMachine(), await describeCommit()];
  note('starting two servers, HAProxy and two proxies');
  const stage = await setStage();
  try {
    return {
      measuredAt: new Date().toISOString(),
      commit,
      machine,
      settings: { ...options.settings, tables: TABLES, rowsPerTable: ROWS_PER_TABLE },
      runs: await measure(stage.ways, options, noteRun),
    };
  } finally {
    await stage.end();
  }
}

function keep(results: Results, options: BenchOptions): void {
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, resultsText(results));
  if (!options.docs) return;
  writeFileSync(KEPT_RESULTS, resultsText(results));
  writeFileSync(PERFORMANCE_PAGE, withResults(readFileSync(PERFORMANCE_PAGE, 'utf8'), results));
}

function noteRun({ workload, protocol, round, target, statementsPerSecond, p99Ms, cpuMicros }: Run): void {
  const cpu =
    cpuMicros === null ? '' : `, CPU ${(cpuMicros.user + cpuMicros.system).toFixed(1)} us/statement`;
  const rate = Math.round(statementsPerSecond);
  note(`${workload} (${protocol}) round ${round} ${target}: ${rate} statements/s, p99 ${p99Ms} ms${cpu}`);
}

function runLexer(): number {
  const done = spawnSync(process.execPath, ['--import', 'tsx', LEXER], { stdio: 'inherit' });
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
