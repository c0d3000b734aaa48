/** Raises the new primary's numbers above all that the old side has given out. Never lowers one. */
import { messageOf } from '../base/errors.ts';
import { type SequenceName, sequenceId, sequenceTitle } from './sequence.ts';
import { type CheckOptions, checkSequences, type ShardCheck } from './sequence-check.ts';
import type { ComparedSequence } from './sequence-comparison.ts';
import { readSequences } from './sequence-queries.ts';
import { raisingRemedy } from './sequence-remedy.ts';
import { narrowed, quoted, type SequenceScope } from './sequence-source.ts';
import { REFERENCES } from './sequence-verdict.ts';
import type { WriteStatement } from './sync-connection.ts';

export interface Raise {
  readonly sequence: SequenceName;
  /** The number that was next; null: there was no row. */
  readonly from: bigint | null;
  /** The number that is to be next. */
  readonly to: bigint;
  /** How many numbers the server may have put aside. */
  readonly cached: bigint;
}

export type RaiseOutcome = Raise & { readonly failure: string | null };

export interface BumpOptions extends CheckOptions {
  /** Numbers that are left free above the last one that the old side gave out. */
  readonly margin: bigint;
  /** Runs the statements on the new primary. Rejects with the server's error. */
  readonly write: (statements: readonly WriteStatement[]) => Promise<unknown>;
}

/** The old side gives numbers out while the new one is raised. */
const ROUNDS_MAX = 3;

export interface Bumped {
  readonly raised: readonly RaiseOutcome[];
  /** What was found afterwards. */
  readonly check: ShardCheck;
}

/** `check`: what was found before. */
export async function bumpSequences(check: ShardCheck, options: BumpOptions): Promise<Bumped> {
  const raised: RaiseOutcome[] = [];
  let found = check;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const planned = planRaises(found.sequences, round === 0 ? options.margin : 0n);
    if (planned.length === 0) break;
    for (const raise of planned) raised.push(...(await carryOut(raise, options)));
    found = await checkSequences(options);
    if (raised.some(({ failure }) => failure !== null)) break;
  }
  return { raised, check: found };
}

/** None: it was raised meanwhile, by a replay say. */
async function carryOut(raise: Raise, options: BumpOptions): Promise<RaiseOutcome[]> {
  const scope = options.scope('new');
  try {
    if (await isHighEnough(raise, scope, options)) return [];
    await options.write(statementsOf(raise, scope));
    return [{ ...raise, failure: null }];
  } catch (error) {
    return [{ ...raise, failure: `${messageOf(error)}${raisingRemedy(error)}` }];
  }
}

/** ALTER TABLE, alone of the statements, would set a counter lower: so it is looked at right before. */
async function isHighEnough(raise: Raise, scope: SequenceScope, { servers }: BumpOptions): Promise<boolean> {
  const { sequence, to } = raise;
  if (sequence.kind !== 'auto_increment') return false;
  const only = narrowed(scope, new Set([sequence.table]));
  const { sequences } = await readSequences(await servers.at('new'), 'new', only);
  const reading = sequences.get(sequenceId(sequence))?.reading;
  return reading?.type === 'numbers' && reading.next >= to;
}

/** What has to be raised for the new primary's next number to be `margin` numbers above the old side's. Pure. */
export function planRaises(sequences: readonly ComparedSequence[], margin: bigint): Raise[] {
  return sequences.flatMap((compared) => planRaise(compared, margin) ?? []);
}

function planRaise({ sequence, readings, verdicts }: ComparedSequence, margin: bigint): Raise | null {
  const given = highestGiven(readings);
  const fresh = readings.new;
  if (given === null) return null;
  const wanted = given + 1n + margin;
  // A sequence table's row can be put there; a table or a column can't.
  if (sequence.kind === 'row' && verdicts.new?.type === 'missing')
    return { sequence, from: null, to: wanted, cached: 0n };
  if (fresh?.type !== 'numbers') return null;
  const to = wanted > fresh.limit ? fresh.limit : wanted;
  return fresh.next < to ? { sequence, from: fresh.next, to, cached: fresh.cached } : null;
}

/** Null: the old primary did not say, so that nobody knows. */
function highestGiven(readings: ComparedSequence['readings']): bigint | null {
  if (readings.old?.type !== 'numbers') return null;
  let highest = readings.old.given;
  for (const place of REFERENCES.new) {
    const reading = readings[place];
    if (reading?.type === 'numbers' && reading.given > highest) highest = reading.given;
  }
  return highest;
}

/** How long queries of the table may wait behind an ALTER TABLE that itself waits for one under way. */
const LOCK_WAIT_SECONDS = 5;

function statementsOf({ sequence, to, cached }: Raise, scope: SequenceScope): WriteStatement[] {
  const { kind, table, part } = sequence;
  const place = `${quoted(sequence.database ?? scope.database ?? '')}.${quoted(table)}`;
  switch (kind) {
    case 'auto_increment':
      return [
        { sql: `SET SESSION lock_wait_timeout = ${LOCK_WAIT_SECONDS}`, values: [] },
        { sql: `ALTER TABLE ${place} AUTO_INCREMENT = ${to}`, values: [] },
      ];
    case 'object':
      // SETVAL never lowers; what the server has put aside is passed over.
      return [{ sql: `SELECT SETVAL(${place}, ${to - 1n + cached})`, values: [] }];
    default:
      return rowStatements(place, part, to - 1n, scope.sequenceTables.get(table));
  }
}

function rowStatements(
  place: string,
  part: string,
  given: bigint,
  columns: { readonly name: string | null; readonly value: string } | undefined,
): WriteStatement[] {
  if (columns === undefined) return [];
  const value = quoted(columns.value);
  const raise = `UPDATE ${place} SET ${value} = ${given}`;
  // As numbers, to the last digit, whatever the column's type is: "9" is a text above "10".
  const isLower = `(${value} IS NULL OR CAST(${value} AS DECIMAL(65, 0)) < ${given})`;
  if (columns.name === null) {
    const insert = `INSERT INTO ${place} (${value}) SELECT ${given} FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM ${place})`;
    return [
      { sql: `${raise} WHERE ${isLower}`, values: [] },
      { sql: insert, values: [] },
    ];
  }
  const name = quoted(columns.name);
  // The first condition finds the row by its index; the second tells it from one that a collation takes for the same.
  const same = `${name} = ? AND CAST(${name} AS CHAR) = ?`;
  return [
    { sql: `${raise} WHERE ${same} AND ${isLower}`, values: [part, part] },
    {
      sql: `INSERT INTO ${place} (${name}, ${value}) SELECT ?, ${given} FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM ${place} WHERE ${same})`,
      values: [part, part, part],
    },
  ];
}

/** `raised messages.id from 8 to 21`. */
export function raiseLine({ sequence, from, to, failure }: RaiseOutcome): string {
  const title = sequenceTitle(sequence);
  if (failure !== null) return `could not raise ${title} to ${to}: ${failure}`;
  return from === null ? `made ${title}, next number ${to}` : `raised ${title} from ${from} to ${to}`;
}
