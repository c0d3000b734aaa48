/** The bench's command line. */
import { parseArgs } from 'node:util';
import { messageOf } from '../src/base/errors.ts';
import { DURABLE_WAYS } from './durable-ways.ts';
import type { Selection } from './plan.ts';
import { PROTOCOLS, TARGETS, type Target, THREAD_COUNTS, WORKLOADS } from './results.ts';
import { TLS_WAYS } from './tls-ways.ts';

const UNDERSTUDY: readonly Target[] = ['mirror-0', 'reads-100', 'mirror-100', 'mirror-100-unjournalled'];
const TLS = TLS_WAYS.flatMap(({ target, plain }): Target[] => [plain, target]);
const DURABLE = DURABLE_WAYS.map(({ target }): Target => target);
/** Names that stand for several. */
const GROUPS = { understudy: UNDERSTUDY, tls: TLS, durable: DURABLE } as const;
type Group = keyof typeof GROUPS;
const SECONDS = 1;
const PROFILE_SECONDS = 10;
const COUNT_MAX = 1000;

export const USAGE = `usage: npm run bench -- [options]
what is measured; lists are separated by commas
  --only LIST      of ${WORKLOADS.join(', ')}
  --protocol LIST  of ${PROTOCOLS.join(', ')}
  --threads LIST   client threads
  --peers LIST     of ${TARGETS.join(', ')};
                   understudy stands for mirror-0, reads-100, mirror-100 and the last without its journal;
                   tls for the two whose clients have TLS and the same without (oltp_point_select,
                   short_sessions; text, 8 threads); durable for those between servers that flush each
                   commit (oltp_read_write, oltp_write_only; text, 8 threads)
  --full           every workload with every protocol, at ${THREAD_COUNTS.join(', ')} threads
  --rounds N       runs of each (5; 10 where an aim is judged)
  --seconds N      length of one run (${SECONDS})
  --quick          one round of one second, text: tells that it works, not how fast
what becomes of it
  --json FILE      write the results to FILE
  --docs           keep the results in bench/results/ and write docs/performance.md anew
others
  --pin            what stands in between gets the last core to itself, all else the others
  --profile        where one way's process spends its time (mirror-0, oltp_point_select, ${PROFILE_SECONDS} s; --only,
                   --peers and so on choose another), by V8's profiler
  --cpuprofile FILE  the same, and keeps V8's profile there
  --perf           the same by Linux's perf: CPU alone, with the kernel's functions
  --lexer          also run the lexer's own bench
  --journal        the journal's own bench and nothing else: what it costs a statement, and a doubt in memory
  --help           show this
`;

export interface BenchOptions {
  readonly selection: Selection;
  readonly seconds: number;
  /** Undefined: all that the machine has. */
  readonly peers: readonly Target[] | undefined;
  readonly pinned: boolean;
  readonly profile: 'none' | 'v8' | 'perf';
  /** Where V8's profile is kept. */
  readonly profileFile: string | undefined;
  readonly jsonFile: string | undefined;
  readonly docs: boolean;
  readonly lexer: boolean;
  readonly journal: boolean;
  readonly help: boolean;
}

/** Reads the arguments; a fault comes as a sentence in `fault`. */
export function parseOptions(args: readonly string[]): BenchOptions | { readonly fault: string } {
  try {
    return readOptions(args);
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

function readOptions(args: readonly string[]): BenchOptions {
  const values = parse(args);
  refuseContradictions(values);
  const { quick, full } = values;
  const profile = values.perf ? 'perf' : values.profile || values.cpuprofile !== undefined ? 'v8' : 'none';
  return {
    selection: {
      workloads: choice('--only', values.only, WORKLOADS) ?? (full ? WORKLOADS : undefined),
      protocols:
        choice('--protocol', values.protocol, PROTOCOLS) ?? (full ? PROTOCOLS : quick ? ['text'] : undefined),
      threads:
        values.threads?.split(',').map((text) => count('--threads', text)) ??
        (full ? THREAD_COUNTS : undefined),
      rounds: optionalCount('--rounds', values.rounds) ?? (quick ? 1 : undefined),
    },
    seconds:
      optionalCount('--seconds', values.seconds) ??
      (quick ? 1 : profile === 'none' ? SECONDS : PROFILE_SECONDS),
    peers: readPeers(values.peers),
    pinned: values.pin,
    profile,
    profileFile: values.cpuprofile,
    jsonFile: values.json,
    docs: values.docs,
    lexer: values.lexer,
    journal: values.journal,
    help: values.help,
  };
}

type Values = ReturnType<typeof parse>;

function parse(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      protocol: { type: 'string' },
      threads: { type: 'string' },
      peers: { type: 'string' },
      full: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      cpuprofile: { type: 'string' },
      perf: { type: 'boolean', default: false },
      pin: { type: 'boolean', default: false },
      json: { type: 'string' },
      docs: { type: 'boolean', default: false },
      lexer: { type: 'boolean', default: false },
      journal: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return values;
}

/** What is published is neither a part of the whole nor what was only tried out. */
function refuseContradictions(values: Values): void {
  const narrowed = (['only', 'protocol', 'threads', 'peers'] as const).filter(
    (name) => values[name] !== undefined,
  );
  if (values.docs && values.quick) throw new Error('--quick measures too little for --docs');
  if (values.docs && values.pin) throw new Error('--docs publishes what is measured without --pin');
  const profiling = values.profile || values.perf || values.cpuprofile !== undefined;
  if (values.docs && profiling) throw new Error('a profile measures nothing for --docs');
  if (values.docs && narrowed.length > 0) {
    throw new Error(`--docs publishes the whole: leave out --${narrowed.join(', --')}`);
  }
  if (values.perf && values.cpuprofile !== undefined) throw new Error('--perf keeps no profile of V8');
}

function readPeers(text: string | undefined): readonly Target[] | undefined {
  const groups = Object.keys(GROUPS) as Group[];
  const chosen = choice<Target | Group>('--peers', text, [...TARGETS, ...groups]);
  if (chosen === undefined) return undefined;
  const targets = new Set(chosen.flatMap((name) => (isGroup(name) ? GROUPS[name] : [name])));
  return TARGETS.filter((target) => targets.has(target));
}

function isGroup(name: Target | Group): name is Group {
  return Object.hasOwn(GROUPS, name);
}

function choice<T extends string>(
  option: string,
  text: string | undefined,
  known: readonly T[],
): T[] | undefined {
  return text?.split(',').map((name) => {
    const found = known.find((each) => each === name);
    if (found === undefined) throw new Error(`${option}: "${name}" is none of ${known.join(', ')}`);
    return found;
  });
}

function optionalCount(option: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : count(option, text);
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > COUNT_MAX) {
    throw new Error(`${option} must be a whole number from 1 to ${COUNT_MAX}, not "${text}"`);
  }
  return value;
}
