/** What a statement does, by its leading words alone. Never takes a statement that changes rows for a read. */
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import type { Kind } from './plan.ts';
import type { TokenList } from './token-list.ts';

const K = {
  with: keyword('WITH'),
  analyze: keyword('ANALYZE'),
  explain: keyword('EXPLAIN'),
  describe: keyword('DESCRIBE'),
  desc: keyword('DESC'),
  table: keyword('TABLE'),
  local: keyword('LOCAL'),
  noBinlog: keyword('NO_WRITE_TO_BINLOG'),
  select: keyword('SELECT'),
  values: keyword('VALUES'),
  insert: keyword('INSERT'),
  replace: keyword('REPLACE'),
  update: keyword('UPDATE'),
  delete: keyword('DELETE'),
  truncate: keyword('TRUNCATE'),
  load: keyword('LOAD'),
  index: keyword('INDEX'),
} as const;

const QUERIES: readonly number[] = [K.select, K.values, K.table];
const WRITES: readonly number[] = [K.insert, K.replace, K.update];
const DELETES: readonly number[] = [K.delete, K.truncate];
/** Verbs that may stand behind WITH, ANALYZE or EXPLAIN. */
const EMBEDDED: readonly number[] = [...QUERIES, ...WRITES, K.delete];

export interface Verb {
  readonly kind: Kind;
  /** Keyword id of the word that the kind follows from; 0: none that is known. */
  readonly word: number;
  /** Index of that word. */
  readonly at: number;
}

export function readVerb(list: TokenList): Verb {
  const at = skipOpening(list, list.first);
  const word = list.keyword(at);
  if (word === K.with) {
    // A query in parentheses behind the WITH list has its verb deeper than the list.
    const found = find(list, at + 1, EMBEDDED);
    return found === -1 ? { kind: 'read', word: K.select, at } : verbAt(list, found);
  }
  if (word === K.analyze || word === K.explain || word === K.describe || word === K.desc) {
    return explained(list, at, word);
  }
  return verbAt(list, at);
}

function verbAt(list: TokenList, at: number): Verb {
  const word = list.keyword(at);
  return { kind: kindOf(list, at, word), word, at };
}

function kindOf(list: TokenList, at: number, word: number): Kind {
  if (QUERIES.includes(word)) return 'read';
  if (WRITES.includes(word)) return 'write';
  if (DELETES.includes(word)) return 'delete';
  return word === K.load && list.keyword(at + 1) !== K.index ? 'write' : 'other';
}

/**
 * ANALYZE and EXPLAIN before a statement. MariaDB's ANALYZE runs the statement, and whether MySQL's EXPLAIN
 * ANALYZE does is not asked: a write or delete counts as one. A read answers with a plan, not with its rows.
 */
function explained(list: TokenList, at: number, word: number): Verb {
  const other: Verb = { kind: 'other', word, at };
  let runs = word === K.analyze;
  const next = list.keyword(at + 1);
  if (runs && (next === K.table || next === K.local || next === K.noBinlog)) return other;
  if (!runs) runs = next === K.analyze;
  if (!runs) return other;
  const inner = find(list, at + 1, EMBEDDED);
  if (inner === -1) return other;
  const verb = verbAt(list, inner);
  return verb.kind === 'read' ? other : verb;
}

/** First of the words outside all parentheses, from `from` on; -1 if there is none. */
function find(list: TokenList, from: number, words: readonly number[]): number {
  for (let index = from; index < list.length; index++) {
    if (list.depth(index) === 0 && words.includes(list.keyword(index))) return index;
  }
  return -1;
}

function skipOpening(list: TokenList, from: number): number {
  let at = from;
  while (list.is(at, TOKEN.open)) at++;
  return at;
}
