/** The bench's command line. */
import { parseArgs } from 'node:util';
import type { Protocol, Settings } from './results.ts';

export const USAGE = `usage: npm run bench -- [options]
  --seconds N   length of one run (5)
  --rounds N    runs of each target and workload (5)
  --threads N   sysbench's client threads (8)
  --quick       2 rounds of 2 seconds: tells that it works, not how fast
  --prepared    also with prepared statements
  --json FILE   write the results to FILE
  --docs        keep the results in bench/results/ and write docs/performance.md anew
  --lexer       also run the lexer's own bench
  --help        show this
`;

const QUICK: Pick<Settings, 'seconds' | 'rounds'> = { seconds: 2, rounds: 2 };
const COUNT_MAX = 1000;

export interface BenchOptions {
  readonly settings: Pick<Settings, 'seconds' | 'rounds' | 'threads'>;
  readonly protocols: readonly Protocol[];
  readonly jsonFile: string | undefined;
  readonly docs: boolean;
  readonly lexer: boolean;
  readonly help: boolean;
}

/** Reads the arguments; a fault comes as a sentence in `fault`. */
export function parseOptions(args: readonly string[]): BenchOptions | { readonly fault: string } {
  try {
    return readOptions(args);
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      threads: { type: 'string' },
      quick: { type: 'boolean', default: false },
      prepared: { type: 'boolean', default: false },
      json: { type: 'string' },
      docs: { type: 'boolean', default: false },
      lexer: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  // What is published must not be what was only tried out.
  if (values.quick && values.docs) throw new Error('--quick measures too little for --docs');
  return {
    settings: {
      seconds: count('--seconds', values.seconds, values.quick ? QUICK.seconds : 5),
      rounds: count('--rounds', values.rounds, values.quick ? QUICK.rounds : 5),
      threads: count('--threads', values.threads, 8),
    },
    protocols: values.prepared ? ['text', 'prepared'] : ['text'],
    jsonFile: values.json,
    docs: values.docs,
    lexer: values.lexer,
    help: values.help,
  };
}

function count(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > COUNT_MAX) {
    throw new Error(`${option} must be a whole number from 1 to ${COUNT_MAX}, not "${text}"`);
  }
  return value;
}
