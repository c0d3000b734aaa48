/**
 * `npm run test:applications`: WordPress and MediaWiki through the proxy with everything mirrored, and then both clusters
 * row by row. Exit 0: every row that differs is in doubt; 1: one is not, or nothing was mirrored; 2: bad usage.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { table, thousands } from '../../bench/markdown.ts';
import { messageOf } from '../../src/base/errors.ts';
import { APPLICATIONS, type Application, findApplication } from './application.ts';
import { type Options, type Result, runApplication } from './stage.ts';

const USAGE = `usage: npm run test:applications -- [options]
  --only NAME    of ${APPLICATIONS.join(', ')}
  --seconds N    of load, each case (20)
  --seed N       of the users' choices (random)
  --docs         write the table of docs/fidelity.md; all cases
  --help         show this
`;
const AUTHORS = 4;
const FRESH = ['MariaDB', 'MySQL 9'] as const;
const CAUSES_SHOWN = 8;
const DIGEST_SHOWN = 160;
const PAGE = new URL('../../docs/fidelity.md', import.meta.url);
const BEGIN = '<!-- table: written by npm run test:applications -- --docs -->';
const END = '<!-- end of the applications -->';

interface Row extends Result {
  readonly application: Application;
  readonly fresh: Options['fresh'];
}

async function run({
  only,
  seconds,
  seed,
  docs,
}: {
  only: string | undefined;
  seconds: number;
  seed: number;
  docs: boolean;
}): Promise<number> {
  const rows: Row[] = [];
  let wrong = 0;
  for (const name of APPLICATIONS.filter((each) => only === undefined || each === only)) {
    const application = await findApplication(name);
    for (const fresh of FRESH) {
      const result = await runApplication(application, { fresh, seconds, authors: AUTHORS, seed });
      rows.push({ ...result, application, fresh });
      const faults = faultsOf(result);
      if (faults.length > 0) wrong += 1;
      process.stdout.write(`${describe(application, fresh, result)}\n`);
      for (const fault of faults) process.stdout.write(`  WRONG: ${fault}\n`);
    }
  }
  process.stdout.write(`${rows.length - wrong} of ${rows.length} are faithful, --seed ${seed}\n`);
  if (docs && wrong === 0) writePage(rows, seconds);
  return wrong === 0 ? 0 : 1;
}

function faultsOf({ silent, outcomes, differing }: Result): string[] {
  const sample = silent.slice(0, 5).map((row) => `${row.table} ${row.key} ${row.found}`);
  return [
    ...(silent.length > 0
      ? [`${silent.length} of ${differing} rows that differ are in no doubt: ${sample.join('; ')}`]
      : []),
    ...((outcomes.mirrored ?? 0) === 0 ? ['nothing was mirrored'] : []),
  ];
}

function describe({ name, version }: Application, fresh: string, result: Result): string {
  const outcomes = Object.entries(result.outcomes).filter(([, count]) => count > 0);
  const causes = result.causes
    .slice(0, CAUSES_SHOWN)
    .map(({ count, reason, digest }) => `    ${count} ${reason}: ${digest.slice(0, DIGEST_SHOWN)}`);
  return [
    `${name} ${version}, MariaDB to ${fresh}: ${result.steps} steps, ${outcomes.map(([name, count]) => `${name} ${count}`).join(', ')}`,
    `  ${result.rows} rows compared, ${result.differing} differ, ${result.silent.length} of them in no doubt; in doubt: ${result.keysInDoubt} keys, tables ${result.tablesInDoubt.join(', ') || 'none'}`,
    ...causes,
    ...result.refused.map((each) => `    refused by the new server, ${each.slice(0, DIGEST_SHOWN)}`),
  ].join('\n');
}

function writePage(rows: readonly Row[], seconds: number): void {
  const page = readFileSync(PAGE, 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('docs/fidelity.md has lost its markers');
  const header = [
    'application',
    'mirrored',
    'not mirrored',
    'rows',
    'differ',
    'in no doubt',
    'keys in doubt',
    'tables in doubt',
  ];
  const cells = rows.map(({ application, fresh, outcomes, ...row }) => [
    `${application.name} ${application.version}, MariaDB to ${fresh}`,
    thousands(outcomes.mirrored ?? 0),
    thousands(Object.values(outcomes).reduce((sum, count) => sum + count, 0) - (outcomes.mirrored ?? 0)),
    thousands(row.rows),
    thousands(row.differing),
    thousands(row.silent.length),
    thousands(row.keysInDoubt),
    row.tablesInDoubt.join(', ') || 'none',
  ]);
  const about = `${seconds} s each, ${AUTHORS} users.`;
  writeFileSync(
    PAGE,
    `${page.slice(0, begin)}${BEGIN}\n\n${about}\n\n${table(header, cells)}\n\n${page.slice(end)}`,
  );
}

function readOptions(): Parameters<typeof run>[0] | null {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000) + 1) },
      docs: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const { only, docs } = values;
  if (only !== undefined && !APPLICATIONS.some((name) => name === only))
    throw new Error(`--only must be one of ${APPLICATIONS.join(', ')}, not "${only}"`);
  if (docs && only !== undefined) throw new Error('--docs publishes all cases: leave out --only');
  const number = (option: string, text: string): number => {
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    throw new Error(`${option} must be a whole number above 0, not "${text}"`);
  };
  return { only, docs, seconds: number('--seconds', values.seconds), seed: number('--seed', values.seed) };
}

let options: ReturnType<typeof readOptions>;
try {
  options = readOptions();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n${USAGE}`);
  process.exit(2);
}
if (options === null) process.stdout.write(USAGE);
else process.exit(await run(options));
