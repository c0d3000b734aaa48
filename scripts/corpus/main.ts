/**
 * `npm run corpus`: reads every statement of the main suite of Debian's `mariadb-test-data` as the proxy would,
 * runs it on a MariaDB server, and reports where the two differ. Exit 0: nothing grave; 1: a write or delete was
 * taken for something harmless, or rows changed unseen; 2: bad usage, or the suite is not to be had.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/base/errors.ts';
import { loadParser } from '../../src/sql/parse.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { Examination } from './examine.ts';
import { measureLexer } from './lexer-speed.ts';
import { Player } from './player.ts';
import { type Report, renderLexer, renderReport, SQL_PAGE, withLexer, withReport } from './report.ts';
import { readRecord } from './server-record.ts';
import { SuiteServer } from './suite-server.ts';
import { Tally } from './tally.ts';
import { readScript } from './test-script.ts';

const USAGE = `usage: npm run corpus -- [options] [FILE.test ...]
  --sample N   every Nth file of the suite
  --servers N  servers that play at the same time (2)
  --lexer      only time the lexer; no server is started
  --docs       write the figures into docs/sql.md; not with a sample
  --help       show this
`;
const PLANS_MAX = 200_000;
const SERVERS_MAX = 16;

interface Options {
  readonly sample: number;
  readonly servers: number;
  readonly lexer: boolean;
  readonly docs: boolean;
  readonly files: readonly string[];
}

function readOptions(args: readonly string[]): Options | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      sample: { type: 'string', default: '1' },
      servers: { type: 'string', default: '2' },
      lexer: { type: 'boolean', default: false },
      docs: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const sample = wholeNumber('--sample', values.sample, Number.MAX_SAFE_INTEGER);
  const servers = wholeNumber('--servers', values.servers, SERVERS_MAX);
  if (values.docs && (sample > 1 || positionals.length > 0)) throw new Error('--docs takes the whole suite');
  return { sample, servers, lexer: values.lexer, docs: values.docs, files: positionals };
}

function wholeNumber(option: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new Error(`${option} must be a whole number from 1 to ${max}, not "${text}"`);
}

async function run(options: Options): Promise<number> {
  const suite = suiteFolder();
  const all = readdirSync(join(suite, 'main')).filter((name) => name.endsWith('.test'));
  const files = options.files.length > 0 ? options.files : all.filter((_, at) => at % options.sample === 0);
  const texts = files.flatMap((file) => statementsOf(join(suite, 'main', file)));
  if (options.lexer) return timeLexer(texts, options.docs);
  await loadParser();
  const tally = new Tally();
  const queue = [...files];
  const players = Array.from({ length: options.servers }, () => playAll(suite, queue, tally, files.length));
  await Promise.all(players);
  const report: Report = {
    suite: basename(suite).replace('mariadb-suite-1_', 'mariadb-test-data '),
    files: files.length,
    written: texts.length,
    tally,
    lexer: measureLexer(texts),
  };
  for (const { what, file, text } of tally.findings)
    note(`${what}\n  ${file}: ${text.replaceAll('\n', '\n  ')}`);
  process.stdout.write(`${renderReport(report)}\n`);
  if (options.docs) writeFileSync(SQL_PAGE, withReport(readFileSync(SQL_PAGE, 'utf8'), report));
  return tally.count('grave') + tally.count('rows changed unseen') > 0 ? 1 : 0;
}

function timeLexer(texts: readonly Buffer[], docs: boolean): number {
  const lexer = measureLexer(texts);
  process.stdout.write(`${renderLexer(lexer)}\n`);
  if (docs) writeFileSync(SQL_PAGE, withLexer(readFileSync(SQL_PAGE, 'utf8'), lexer));
  return 0;
}

/** Takes file after file off the queue, until it is empty. */
async function playAll(suite: string, queue: string[], tally: Tally, files: number): Promise<void> {
  const server = new SuiteServer(suite);
  const reader = new SqlReader({ maxPlans: PLANS_MAX });
  try {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      await playOne(server, suite, file, reader, tally);
      const done = files - queue.length;
      if (done % 50 === 0) note(`${done} of ${files} files`);
    }
  } finally {
    await server.destroy();
  }
}

async function playOne(
  server: SuiteServer,
  suite: string,
  file: string,
  reader: SqlReader,
  tally: Tally,
): Promise<void> {
  await server.reset();
  const player = new Player(server, suite);
  try {
    const played = await player.play(file);
    const record = await readRecord(server, played.sent);
    const examination = new Examination(reader, tally, file, played);
    for (const sent of played.sent) examination.examine(sent, record.get(sent) ?? null);
    if (played.brokeOff) await breakOff(server, file, tally, 'no session can be opened any more');
  } catch (error) {
    // The server ended, or lets its record be read no more: what was sent is not judged.
    await breakOff(server, file, tally, messageOf(error));
  } finally {
    player.end();
  }
}

/** The next file gets a new server. */
async function breakOff(server: SuiteServer, file: string, tally: Tally, why: string): Promise<void> {
  note(`${file} broke off: ${why}`);
  tally.add('files broken off');
  await server.destroy();
}

function statementsOf(path: string): Buffer[] {
  return readScript(readFileSync(path, 'latin1')).flatMap((step) =>
    step.what === 'query' ? [Buffer.from(step.text, 'latin1')] : [],
  );
}

function suiteFolder(): string {
  const script = fileURLToPath(new URL('../mariadb-suite.mjs', import.meta.url));
  return execFileSync(process.execPath, [script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

function note(text: string): void {
  process.stderr.write(`corpus: ${text}\n`);
}

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options !== null) return await run(options);
    process.stdout.write(USAGE);
    return 0;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${USAGE}`);
    return 2;
  }
}

// Through process.exit, so that the servers and the temporary folders go at once.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.exit(await main());
