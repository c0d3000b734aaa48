/**
 * `npm run test:fidelity`: loads through the proxy with everything mirrored, and then both clusters row by row.
 * Exit 0: every row that differs has its key in the journal as a doubt; 1: one has not, or a load failed; 2: bad
 * usage.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine } from '../../bench/machine.ts';
import { messageOf } from '../../src/base/errors.ts';
import { type FidelityCase, FULL_CASES, nameOfCase, SHORT_CASES } from './cases.ts';
import { FIDELITY_PAGE, renderResult, withTable } from './page.ts';
import { type FidelityResult, faultsOf } from './result.ts';
import { startFidelityStage } from './stage.ts';

const USAGE = `usage: npm run test:fidelity -- [options]
  --short        the few cases that every change is tested with
  --only TEXT    the cases whose names have TEXT in them
  --seconds N    of load, each case (10)
  --seed N       of the loads' choices (random)
  --docs         write the table of docs/fidelity.md; all cases
  --help         show this
`;
const SECONDS_MAX = 3600;
const SEED_MAX = 2 ** 31 - 1;

interface Options {
  readonly cases: readonly FidelityCase[];
  readonly seconds: number;
  readonly seed: number;
  readonly docs: boolean;
}

function readOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string' },
      seconds: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * SEED_MAX) + 1) },
      docs: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const { short, only, docs } = values;
  if (docs && (short || only !== undefined))
    throw new Error('--docs publishes all cases: leave out --short and --only');
  const cases = (short ? SHORT_CASES : FULL_CASES).filter(
    (one) => only === undefined || nameOfCase(one).includes(only),
  );
  if (cases.length === 0) throw new Error(`--only: no case has "${only}" in its name`);
  return {
    cases,
    docs,
    seconds: wholeNumber('--seconds', values.seconds, SECONDS_MAX),
    seed: wholeNumber('--seed', values.seed, SEED_MAX),
  };
}

function wholeNumber(option: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new Error(`${option} must be a whole number from 1 to ${max}, not "${text}"`);
}

async function run({ cases, seconds, seed, docs }: Options): Promise<number> {
  process.stdout.write(`${cases.length} cases of ${seconds} s, --seed ${seed}\n`);
  const stage = await startFidelityStage();
  const results: FidelityResult[] = [];
  let failures = 0;
  try {
    for (const one of cases) {
      const outcome = await stage.run(one, { seconds, seed }).catch(messageOf);
      if (typeof outcome === 'string') {
        failures += 1;
        process.stdout.write(`FAILED ${nameOfCase(one)}: ${outcome}\n`);
        continue;
      }
      results.push(outcome);
      const faults = faultsOf(outcome);
      if (faults.length > 0) failures += 1;
      process.stdout.write(`${renderResult(outcome)}\n`);
      for (const fault of faults) process.stdout.write(`  WRONG: ${fault}\n`);
    }
  } finally {
    await stage.close();
  }
  process.stdout.write(`${cases.length - failures} of ${cases.length} cases are faithful\n`);
  if (docs && failures === 0) {
    const machine = await describeMachine();
    const page = readFileSync(FIDELITY_PAGE, 'utf8');
    writeFileSync(FIDELITY_PAGE, withTable(page, results, { seconds, machine }));
  }
  return failures === 0 ? 0 : 1;
}

let options: Options | null;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n${USAGE}`);
  process.exit(2);
}
if (options === null) process.stdout.write(USAGE);
else process.exit(await run(options));
