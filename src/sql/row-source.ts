/** The rows that an INSERT or REPLACE brings, and what UPDATE and ON DUPLICATE KEY UPDATE assign. */
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import type { Assignment, RowSource } from './plan.ts';
import { elements, resolveColumn } from './predicates.ts';
import type { TableReference } from './tables.ts';
import type { TokenList } from './token-list.ts';
import type { Verb } from './verb.ts';

const INSERT = keyword('INSERT');
const REPLACE = keyword('REPLACE');
const UPDATE = keyword('UPDATE');
const SELECT = keyword('SELECT');
const WITH = keyword('WITH');
const VALUES = keyword('VALUES');
const VALUE = keyword('VALUE');
const SET = keyword('SET');
const ON = keyword('ON');
const DUPLICATE = keyword('DUPLICATE');
const KEY = keyword('KEY');
const ROW = keyword('ROW');
const EQUALS = 0x3d;
const ASSIGN = 0x3a3d;

/** Words that end a list of assignments. */
const SET_ENDS = new Set(['WHERE', 'ORDER', 'LIMIT', 'ON', 'RETURNING', 'AS'].map(keyword));

/** The rows of INSERT … VALUES and INSERT … SET; null for INSERT … SELECT and every other statement. */
export function readRows(list: TokenList, verb: Verb, tables: readonly TableReference[]): RowSource | null {
  const target = tables[0];
  if ((verb.word !== INSERT && verb.word !== REPLACE) || target === undefined) return null;
  let at = target.end;
  let columns: string[] | null = null;
  if (list.is(at, TOKEN.open) && !isQuery(list, at + 1)) {
    const close = list.partner(at);
    if (close === -1) return null;
    columns = (elements(list, at, close) ?? []).map(([, end]) => list.name(end - 1));
    at = close + 1;
  }
  const word = list.keyword(at);
  if (word === VALUES || word === VALUE) return { columns, shapes: readShapes(list, at + 1) };
  if (word !== SET) return null;
  const assigned = readAssignmentList(list, at + 1);
  return {
    columns: assigned.map(({ end }) => list.name(end - 1)),
    shapes: [assigned.map(({ slot }) => slot)],
  };
}

function isQuery(list: TokenList, index: number): boolean {
  const word = list.keyword(index);
  return word === SELECT || word === WITH || list.is(index, TOKEN.open);
}

function readShapes(list: TokenList, from: number): number[][] {
  const shapes: number[][] = [];
  let at = list.keyword(from) === ROW ? from + 1 : from;
  while (list.is(at, TOKEN.open)) {
    const close = list.partner(at);
    if (close === -1) break;
    shapes.push((elements(list, at, close) ?? []).map(([start, end]) => single(list, start, end)));
    at = close + 1;
    if (list.is(at, TOKEN.more)) at++;
    if (list.is(at, TOKEN.comma)) at++;
  }
  return shapes;
}

/** The slot of an element that is one literal; -1 for anything else. */
function single(list: TokenList, from: number, to: number): number {
  return to === from + 1 ? list.slot(from) : -1;
}

interface AssignmentSpan {
  readonly at: number;
  /** Index behind the column's name. */
  readonly end: number;
  readonly slot: number;
}

function readAssignmentList(list: TokenList, from: number): AssignmentSpan[] {
  const found: AssignmentSpan[] = [];
  let start = from;
  for (let index = from; index <= list.length; index++) {
    const isEnd = index === list.length || (list.depth(index) === 0 && SET_ENDS.has(list.keyword(index)));
    if (!isEnd && !(list.is(index, TOKEN.comma) && list.depth(index) === 0)) continue;
    const end = list.chainEnd(start);
    const operator = list.operator(end);
    if (list.isIdentifier(start) && (operator === EQUALS || operator === ASSIGN)) {
      found.push({ at: start, end, slot: single(list, end + 1, index) });
    }
    if (isEnd) break;
    start = index + 1;
  }
  return found;
}

/** What UPDATE … SET, or INSERT … ON DUPLICATE KEY UPDATE, assigns to the statement's tables. */
export function readAssignments(
  list: TokenList,
  verb: Verb,
  tables: readonly TableReference[],
): Assignment[] {
  const from = assignmentsStart(list, verb);
  if (from === -1) return [];
  const all = [...tables.keys()];
  const candidates = verb.word === UPDATE ? all.filter((index) => tables[index]!.written) : all.slice(0, 1);
  return readAssignmentList(list, from).map(({ at, end, slot }) => ({
    tables: resolveColumn(list, at, end, tables, candidates),
    column: list.name(end - 1),
    slot,
  }));
}

function assignmentsStart(list: TokenList, verb: Verb): number {
  for (let index = verb.at + 1; index < list.length; index++) {
    if (list.depth(index) !== 0) continue;
    const word = list.keyword(index);
    if (verb.word === UPDATE && word === SET) return index + 1;
    const isUpsert =
      (verb.word === INSERT || verb.word === REPLACE) &&
      word === ON &&
      list.keyword(index + 1) === DUPLICATE &&
      list.keyword(index + 2) === KEY;
    if (isUpsert) return index + 4;
  }
  return -1;
}
