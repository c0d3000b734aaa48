/** The clauses of ALTER TABLE: which names they hold, and what they do to the rows. */
import { TOKEN } from './lexed.ts';
import type { TokenList } from './token-list.ts';

export interface AlterFacts {
  /** Where the names of other tables stand that it changes: RENAME TO, EXCHANGE PARTITION. */
  readonly names: readonly number[];
  /** Where the names behind REFERENCES stand. */
  readonly parents: readonly number[];
  readonly rows: 'same' | 'unsure';
  readonly additive: boolean;
}

/** What a clause does to the rows, and to what is known of the table. */
type ClauseNature = 'additive' | 'neutral' | 'same' | 'unsure';

/** What else ALTER TABLE may rename. */
const PARTS = ['COLUMN', 'INDEX', 'KEY', 'CONSTRAINT', 'PARTITION'];
const INDEXES = ['INDEX', 'KEY', 'FULLTEXT', 'SPATIAL'];
/** ADD … of what is no column. */
const NO_COLUMN = ['UNIQUE', 'PRIMARY', 'CONSTRAINT', 'FOREIGN', 'CHECK', 'PARTITION', 'PERIOD'];
/** What they take out, or how they make rows anew, is the server's: partitions, versions, files. */
const OF_ITS_OWN = ['TRUNCATE', 'EXCHANGE', 'DISCARD', 'IMPORT', 'SYSTEM'];
const PLAIN_DEFAULTS = ['NULL', 'TRUE', 'FALSE', 'CHARACTER', 'CHARSET', 'COLLATE'];

/** `from`: behind the table's name. */
export function readAlter(list: TokenList, from: number): AlterFacts {
  const names: number[] = [];
  const parents: number[] = [];
  const natures: ClauseNature[] = [];
  for (const clause of clausesFrom(list, from)) {
    natures.push(natureOf(list, clause));
    names.push(...namesIn(list, clause));
    for (let at = clause.from; at < clause.to; at++)
      if (word(list, at) === 'REFERENCES') parents.push(at + 1);
  }
  return {
    names,
    parents,
    rows: natures.includes('unsure') ? 'unsure' : 'same',
    additive:
      natures.includes('additive') &&
      natures.every((nature) => nature === 'additive' || nature === 'neutral'),
  };
}

interface Clause {
  readonly from: number;
  readonly to: number;
}

function clausesFrom(list: TokenList, from: number): Clause[] {
  const clauses: Clause[] = [];
  let start = from;
  for (let at = from; at <= list.length; at++) {
    if (at < list.length && !(list.depth(at) === 0 && list.is(at, TOKEN.comma))) continue;
    clauses.push({ from: start, to: at });
    start = at + 1;
  }
  return clauses;
}

function namesIn(list: TokenList, { from, to }: Clause): number[] {
  const next = word(list, from + 1);
  if (word(list, from) === 'RENAME' && !PARTS.includes(next)) {
    const isFiller = ['TO', 'AS'].includes(next) || list.operator(from + 1) !== 0;
    return [isFiller ? from + 2 : from + 1];
  }
  if (word(list, from) !== 'EXCHANGE') return [];
  for (let at = from; at < to; at++) if (word(list, at) === 'TABLE') return [at + 1];
  return [];
}

function natureOf(list: TokenList, clause: Clause): ClauseNature {
  const verb = word(list, clause.from);
  const next = word(list, clause.from + 1);
  const has = (...words: string[]): boolean => words.some((one) => find(list, clause, one) !== -1);
  if (['ALGORITHM', 'LOCK', 'COMMENT'].includes(verb)) return 'neutral';
  if (OF_ITS_OWN.includes(verb) || next === 'SYSTEM') return 'unsure';
  if (verb === 'DROP') return next === 'PARTITION' ? 'unsure' : 'same';
  if (verb === 'CONVERT') return has('COLLATE') && next === 'TO' ? 'same' : 'unsure';
  if (verb === 'MODIFY' || verb === 'CHANGE')
    return has('CHARSET', 'CHARACTER') && !has('COLLATE') ? 'unsure' : 'same';
  if (verb !== 'ADD') return 'same';
  if (INDEXES.includes(next)) return 'additive';
  if (NO_COLUMN.includes(next)) return 'same';
  return columnNature(list, clause, has);
}

/** Of ADD COLUMN: rows that are there get a value of the server's making, or one that the text tells. */
function columnNature(list: TokenList, clause: Clause, has: (...words: string[]) => boolean): ClauseNature {
  if (has('AUTO_INCREMENT', 'TIMESTAMP', 'SERIAL') || !defaultsArePlain(list, clause)) return 'unsure';
  return has('FIRST', 'AFTER', 'UNIQUE', 'KEY', 'PRIMARY', 'UPDATE', 'REFERENCES', 'IF')
    ? 'same'
    : 'additive';
}

function defaultsArePlain(list: TokenList, { from, to }: Clause): boolean {
  for (let at = from; at < to; at++) {
    if (word(list, at) !== 'DEFAULT') continue;
    const isSigned = list.operator(at + 1) !== 0 && list.slot(at + 2) !== -1;
    if (list.slot(at + 1) === -1 && !isSigned && !PLAIN_DEFAULTS.includes(word(list, at + 1))) return false;
  }
  return true;
}

function find(list: TokenList, { from, to }: Clause, wanted: string): number {
  for (let at = from; at < to; at++) if (word(list, at) === wanted) return at;
  return -1;
}

function word(list: TokenList, at: number): string {
  return list.is(at, TOKEN.word) && !list.isAfterDot(at) ? list.text(at).toUpperCase() : '';
}
