/** The tables that a statement names, with what it calls them and whether it changes their rows. */
import type { Blocks } from './blocks.ts';
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import type { TableName } from './plan.ts';
import type { TokenList } from './token-list.ts';
import type { Verb } from './verb.ts';

const AS = keyword('AS');
const FROM = keyword('FROM');
const USING = keyword('USING');
const WITH = keyword('WITH');
const RECURSIVE = keyword('RECURSIVE');
const PARTITION = keyword('PARTITION');
const INSERT = keyword('INSERT');
const REPLACE = keyword('REPLACE');
const UPDATE = keyword('UPDATE');
const DELETE = keyword('DELETE');
const TRUNCATE = keyword('TRUNCATE');
const LOAD = keyword('LOAD');
const WHERE = keyword('WHERE');
const DDL_VERBS = new Set(['CREATE', 'ALTER', 'DROP', 'RENAME'].map(keyword));
const DELETE_MODIFIERS = new Set(['LOW_PRIORITY', 'QUICK', 'IGNORE', 'HISTORY'].map(keyword));

/** Unreserved words that may follow a table and are then no alias. */
const NO_ALIAS = new Set(
  ['PARTITION', 'VALUE', 'RETURNING', 'WINDOW', 'OFFSET', 'EXCEPT', 'INTERSECT', 'MINUS'].map(keyword),
);

export interface TableReference extends TableName {
  /** Index of the name's first token, and the index behind name and alias. */
  readonly at: number;
  readonly end: number;
  readonly block: number;
}

export function readTables(list: TokenList, blocks: Blocks, verb: Verb): TableReference[] {
  const common = commonTables(list);
  const targets = deleteTargets(list, verb);
  const found: TableReference[] = [];
  for (let index = 0; index < list.length; index++) {
    if (!list.isTablePosition(index)) continue;
    if (targets !== null && index < targets.end) continue;
    const reference = readReference(list, index, blocks.of[index]!);
    const isTarget = found.length === 0 && !isQueryVerb(verb) && list.depth(index) === 0;
    if (list.is(list.chainEnd(index), TOKEN.open) && !isTarget) continue;
    if (reference.database === null && isCommon(common, reference.name, index)) continue;
    found.push(reference);
  }
  return markWritten(found, list, verb, targets?.names ?? null);
}

function isQueryVerb(verb: Verb): boolean {
  return verb.kind === 'read' || verb.word === UPDATE || verb.word === DELETE;
}

function readReference(list: TokenList, at: number, block: number): TableReference {
  const nameEnd = list.chainEnd(at);
  const name = list.name(nameEnd - 1);
  const database = nameEnd - at > 1 ? list.name(at) : null;
  let end = nameEnd;
  if (list.keyword(end) === PARTITION && list.is(end + 1, TOKEN.open)) end = closing(list, end + 1);
  if (list.keyword(end) === AS && isName(list, end + 1)) {
    return { database, name, alias: list.name(end + 1), written: false, at, end: end + 2, block };
  }
  const word = list.keyword(end);
  // LOAD DATA goes on with words about the file.
  const isLoad = list.keyword(list.first) === LOAD;
  const isAlias = !isLoad && isName(list, end) && !NO_ALIAS.has(word) && !list.isTablePosition(end);
  const alias = isAlias ? list.name(end) : name;
  return { database, name, alias, written: false, at, end: isAlias ? end + 1 : end, block };
}

function isName(list: TokenList, index: number): boolean {
  return list.isIdentifier(index) && !list.isAfterDot(index);
}

function closing(list: TokenList, open: number): number {
  const close = list.partner(open);
  return close === -1 ? list.length : close + 1;
}

// ---- common table expressions ------------------------------------------------------------------------------

/** A name that means a common table expression in the tokens [from, to), and a table elsewhere. */
interface CommonTable {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** More of them than anyone writes: the names of further ones count as tables, which is the more careful reading. */
const COMMON_TABLES_MAX = 1000;

type CommonTables = ReadonlyMap<string, readonly CommonTable[]>;

function commonTables(list: TokenList): CommonTables {
  const found: CommonTable[] = [];
  const opened: number[] = [];
  for (let index = 0; index < list.length && found.length < COMMON_TABLES_MAX; index++) {
    if (list.is(index, TOKEN.open)) opened.push(index);
    else if (list.is(index, TOKEN.close)) opened.pop();
    else if (list.keyword(index) === WITH) readWithList(list, index, levelEnd(list, opened.at(-1)), found);
  }
  const byName = new Map<string, CommonTable[]>();
  for (const table of found.slice(0, COMMON_TABLES_MAX)) {
    const namesakes = byName.get(table.name);
    if (namesakes === undefined) byName.set(table.name, [table]);
    else namesakes.push(table);
  }
  return byName;
}

function readWithList(list: TokenList, start: number, scopeEnd: number, found: CommonTable[]): void {
  const recursive = list.keyword(start + 1) === RECURSIVE;
  let at = recursive ? start + 2 : start + 1;
  while (isName(list, at)) {
    const name = list.name(at);
    let next = at + 1;
    if (list.is(next, TOKEN.open)) next = closing(list, next);
    if (list.keyword(next) !== AS || !list.is(next + 1, TOKEN.open)) return;
    const bodyEnd = closing(list, next + 1);
    // In its own body the name means a table, unless it is recursive.
    found.push({ name, from: recursive ? next + 1 : bodyEnd, to: scopeEnd });
    if (!list.is(bodyEnd, TOKEN.comma)) return;
    at = bodyEnd + 1;
  }
}

/** Index at which the parenthesis opened at `open` closes, or behind the last token. */
function levelEnd(list: TokenList, open: number | undefined): number {
  const close = open === undefined ? -1 : list.partner(open);
  return close === -1 ? list.length : close;
}

function isCommon(common: CommonTables, name: string, at: number): boolean {
  return common.get(name)?.some((table) => at >= table.from && at < table.to) ?? false;
}

// ---- which of them are written ---------------------------------------------------------------------------------

interface DeleteTargets {
  /** Index at which the tables begin that rows are looked for in. */
  readonly end: number;
  readonly names: ReadonlySet<string>;
}

/** The list of targets of a multi-table DELETE; null for every other statement. */
function deleteTargets(list: TokenList, verb: Verb): DeleteTargets | null {
  if (verb.word !== DELETE) return null;
  let at = verb.at + 1;
  while (DELETE_MODIFIERS.has(list.keyword(at))) at++;
  const isFromFirst = list.keyword(at) === FROM;
  if (isFromFirst) at++;
  const end = targetsEnd(list, at, isFromFirst ? USING : FROM);
  if (end === -1) return null;
  const names = new Set<string>();
  while (at < end) {
    const next = list.isIdentifier(at) ? list.chainEnd(at) : at + 1;
    if (list.isIdentifier(at)) names.add(list.name(next - 1));
    at = next;
  }
  return { end, names };
}

function targetsEnd(list: TokenList, from: number, word: number): number {
  for (let index = from; index < list.length && list.keyword(index) !== WHERE; index++) {
    if (list.depth(index) === 0 && list.keyword(index) === word) return index;
  }
  return -1;
}

function markWritten(
  found: readonly TableReference[],
  list: TokenList,
  verb: Verb,
  targets: ReadonlySet<string> | null,
): TableReference[] {
  const single = [INSERT, REPLACE, LOAD, TRUNCATE].includes(verb.word);
  const own = new Set(found.filter((reference) => list.depth(reference.at) === 0 || reference.block === 0));
  return found.map((reference) => {
    let written = false;
    if (single) written = reference === found[0];
    else if (verb.word === DELETE) {
      const named = targets === null || targets.has(reference.alias) || targets.has(reference.name);
      written = named && own.has(reference);
    } else if (verb.word === UPDATE) {
      written = own.has(reference);
    } else written = DDL_VERBS.has(list.keyword(list.first)) && list.depth(reference.at) === 0;
    return written ? { ...reference, written } : reference;
  });
}
