/** Whether what was prepared before its session set other words (character sets, sql_mode) still says the same. */
import { isAscii } from 'node:buffer';
import type { Lexed } from '../sql/lexed.ts';
import type { Plan } from '../sql/plan.ts';

export interface PreparedIn {
  readonly plan: Plan;
  /** The text, and where its literals and parameters stand in it. */
  readonly sql: Buffer;
  readonly lexed: Lexed;
  /** `SessionSettings.words` when it was prepared. */
  readonly words: string;
}

/** Slot of an expression. */
const NO_SLOT = -1;

/** Stands between what `SessionSettings.words` says of the character sets and the sql_mode behind it. */
export const BEFORE_MODE = '\n';

/** Modes that bear on what is stored, kept or made, and on no read. */
const OF_WRITES: ReadonlySet<string> = new Set([
  'STRICT_TRANS_TABLES',
  'STRICT_ALL_TABLES',
  'NO_AUTO_VALUE_ON_ZERO',
  'NO_ENGINE_SUBSTITUTION',
  'NO_AUTO_CREATE_USER',
  'NO_DIR_IN_CREATE',
]);

/**
 * Its values come in the words of now; of its own text, ASCII is the same in every character set that a client may
 * speak. What is left is the collation of the connection: a column that a text is held against settles it, and
 * a write may keep what no column settles.
 */
export function saysTheSame({ plan, sql, lexed, words }: PreparedIn, now: string): boolean {
  if (words === now) return true;
  const [before, after] = [split(words), split(now)];
  const isRead = plan.kind === 'read';
  const modesAlike = isRead ? modesOfReads(before) === modesOfReads(after) : before.modes === after.modes;
  if (!modesAlike) return false;
  if (before.names === after.names) return true;
  return isAscii(sql) && (isRead || columnsSettleAll(plan, lexed));
}

/** Each literal and parameter is a column's: it is given to one, or one is held against it. */
function columnsSettleAll(plan: Plan, lexed: Lexed): boolean {
  const settled = new Set([
    ...plan.predicates.flatMap(({ slots }) => slots),
    ...plan.assignments.map(({ slot }) => slot),
    ...(plan.rows?.shapes.flat() ?? []),
  ]);
  settled.delete(NO_SLOT);
  return settled.size === lexed.slotCount;
}

function split(words: string): { names: string; modes: string } {
  const at = words.indexOf(BEFORE_MODE);
  return { names: words.slice(0, at), modes: words.slice(at + 1) };
}

function modesOfReads({ modes }: { readonly modes: string }): string {
  const names = modes
    .toUpperCase()
    .split(',')
    .map((one) => one.trim());
  return [...new Set(names.filter((one) => one !== '' && !OF_WRITES.has(one)))].sort().join();
}
