/** What a step must have seen, whoever the client is: two runs that fail alike must not pass for equal. */
import type { SessionSettings, Step } from './client.ts';

type Seen = Readonly<Record<string, unknown>>;

/** The facts of a step, each next to what the client saw, in one spelling for all clients. */
export interface Facts {
  readonly found: unknown;
  readonly wanted: unknown;
}

const ROWS = [
  ['1', 'one'],
  ['2', "it's \\ 海"],
  ['3', null],
];
const RESULTS = [[['7']], [['8', 'two']]];
const STORED = [['C3A9'], ['E6989E']];

const READERS: Readonly<Record<Step, (seen: Seen, settings: SessionSettings) => Facts>> = {
  connect: (seen, { user, database }) => ({
    found: [seen.same_id, seen.user, seen.database],
    wanted: [true, `${user}@%`, database],
  }),
  refused: (seen) => ({ found: numbersOf(seen.errors), wanted: [1045, 1044] }),
  types: (seen) => ({ found: [seen.affected, seen.title], wanted: [2, 'ünïcode 海 🙂'] }),
  prepared: (seen) => ({
    found: [spelled(seen.rows), seen.same_id, seen.mode],
    wanted: [ROWS, true, 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'],
  }),
  transactions: (seen) => ({ found: spelled(seen.items), wanted: [['2'], ['4']] }),
  errors: (seen) => ({ found: numbersOf(seen.errors), wanted: [1062, 1064, 1146, 1054] }),
  'big values': (seen) => ({ found: seen, wanted: { text: true, blob: true, huge: true } }),
  several: (seen) => ({ found: [first(seen.results), last(seen.results)], wanted: ['1', '2'] }),
  procedures: (seen) => ({
    found: [spelled(seen.results), seen.out],
    wanted: [RESULTS.slice(0, seen.first_only === true ? 1 : 2), 40],
  }),
  charset: (seen) => ({ found: [seen.latin1, seen.stored], wanted: ['e9', STORED] }),
  'local infile': (seen) => ({
    found: [seen.affected, spelled(seen.rows)],
    wanted: [3, [1, 2, 3].map((row) => [`${row}`, `${row}0`])],
  }),
  streaming: (seen) => ({ found: seen, wanted: { count: 10_000, last: 9999 } }),
  bulk: (seen) => ({ found: Number(seen.count) >= 500, wanted: true }),
  session: (seen) => ({ found: seen, wanted: { changed: true, forgotten: true } }),
  reconnect: (seen) => ({ found: [seen.lost, Number(seen.again)], wanted: [true, 1] }),
  TLS: (seen) => ({ found: spelled(seen.rows), wanted: [['under TLS']] }),
  'TLS through': (seen) => ({
    found: [spelled(seen.rows), seen.encrypted],
    wanted: [[['under TLS']], true],
  }),
  compression: (seen) => ({ found: seen.rows, wanted: [['compressed '.repeat(10)]] }),
};

export function factsOf(step: Step, seen: Seen, settings: SessionSettings): Facts {
  return READERS[step](seen, settings);
}

/** Drivers differ in what they make of an integer; a command line has a word for NULL. */
function spelled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(spelled);
  return value === null || value === 'NULL' ? null : String(value);
}

function numbersOf(errors: unknown): unknown {
  return Array.isArray(errors) ? errors.map((error) => (Array.isArray(error) ? error[0] : error)) : errors;
}

/** The first value of all, however deep it stands: of the first result's first row. */
const first = (results: unknown): unknown => (Array.isArray(results) ? first(results[0]) : spelled(results));
const last = (results: unknown): unknown =>
  Array.isArray(results) ? last(results.at(-1)) : spelled(results);
