/**
 * Why a replay of a statement may not give what the primary has. Read from the words themselves, so that a
 * statement that the parser refuses hides none.
 */
import type { Blocks } from './blocks.ts';
import { functionHazard, reservedWordHazard } from './functions.ts';
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import type { Hazard } from './plan.ts';
import { functionAt } from './routine-calls.ts';
import { variableClass } from './session-variables.ts';
import type { TableReference } from './tables.ts';
import type { TokenList } from './token-list.ts';
import type { Verb } from './verb.ts';

const K = {
  binlog: keyword('BINLOG'),
  call: keyword('CALL'),
  delayed: keyword('DELAYED'),
  do: keyword('DO'),
  duplicate: keyword('DUPLICATE'),
  execute: keyword('EXECUTE'),
  for: keyword('FOR'),
  in: keyword('IN'),
  insert: keyword('INSERT'),
  into: keyword('INTO'),
  load: keyword('LOAD'),
  lock: keyword('LOCK'),
  mode: keyword('MODE'),
  next: keyword('NEXT'),
  on: keyword('ON'),
  previous: keyword('PREVIOUS'),
  replace: keyword('REPLACE'),
  select: keyword('SELECT'),
  set: keyword('SET'),
  share: keyword('SHARE'),
  update: keyword('UPDATE'),
  value: keyword('VALUE'),
} as const;

const ASSIGN = 0x3a3d;
const EQUALS = 0x3d;

export function readHazards(
  list: TokenList,
  blocks: Blocks,
  verb: Verb,
  tables: readonly TableReference[],
  compound: boolean,
): Set<Hazard> {
  const hazards = new Set<Hazard>();
  const calls = verb.kind !== 'other' || [K.do, K.set, K.call].includes(list.keyword(list.first));
  for (let index = 0; index < list.length; index++) {
    readToken(list, index, verb, hazards);
    if (calls) readCall(list, index, hazards);
  }
  if (verb.kind === 'read' && has(list, K.into)) hazards.add('into');
  if (verb.kind === 'write' || verb.kind === 'delete') {
    if (blocks.limitWithoutOrder()) hazards.add('limit_without_order');
    if (tables.length > 1 || readsRows(list, verb)) hazards.add('from_select');
  }
  if (verb.word === K.load && verb.kind === 'write') hazards.add('load_data');
  if (verb.word === K.replace) hazards.add('upsert');
  const isInsert = verb.word === K.insert || verb.word === K.replace;
  if (isInsert && [1, 2].some((offset) => list.keyword(verb.at + offset) === K.delayed))
    hazards.add('delayed');
  if (setsForItself(list)) hazards.add('system_variable');
  const first = list.keyword(list.first);
  if (compound || first === K.call || first === K.execute || first === K.binlog) hazards.add('any_effect');
  return hazards;
}

/** SET STATEMENT of a variable that a replay has at its usual value: the statement sets it there too. */
function setsForItself(list: TokenList): boolean {
  for (let index = 1; index < list.first; index++) {
    if (list.operator(index) !== EQUALS && list.operator(index) !== ASSIGN) continue;
    const kind = variableClass(list.name(index - 1).toLowerCase());
    if (kind === 'fixed' || kind === 'unnamed') return true;
  }
  return false;
}

function readToken(list: TokenList, index: number, verb: Verb, hazards: Set<Hazard>): void {
  const kind = list.kind(index);
  if (kind === TOKEN.userVariable) hazards.add('user_variable');
  else if (kind === TOKEN.systemVariable) hazards.add('system_variable');
  else if (kind === TOKEN.operator && list.operator(index) === ASSIGN) hazards.add('assignment');
  else if (kind === TOKEN.word) readWord(list, index, verb, hazards);
}

function readWord(list: TokenList, index: number, verb: Verb, hazards: Set<Hazard>): void {
  const word = list.keyword(index);
  const next = list.keyword(index + 1);
  if (word === K.for && (next === K.update || next === K.share) && index + 1 !== verb.at) {
    hazards.add('locking_read');
  }
  if (word === K.lock && next === K.in && list.keyword(index + 2) === K.share) hazards.add('locking_read');
  if (word === K.on && next === K.duplicate) hazards.add('upsert');
  if ((word === K.next || word === K.previous) && next === K.value && list.keyword(index + 2) === K.for) {
    hazards.add('sequence');
  }
  if (list.isAfterDot(index) && /^(nextval|currval)$/i.test(list.text(index))) hazards.add('sequence');
  if (list.isReserved(index)) {
    const hazard = reservedWordHazard(list.text(index));
    if (
      hazard !== null &&
      (hazard === 'clock' || isCalled(list, index) || /^current_user$/i.test(list.text(index)))
    ) {
      hazards.add(hazard);
    }
  }
}

function isCalled(list: TokenList, index: number): boolean {
  return list.is(index + 1, TOKEN.open);
}

function readCall(list: TokenList, index: number, hazards: Set<Hazard>): void {
  const called = functionAt(list, index);
  if (called === null) return;
  if (called === 'routine') {
    hazards.add('unknown_function');
    return;
  }
  const name = list.text(index);
  const hazard = functionHazard(name);
  if (hazard === null) readClockArgument(list, index, name, hazards);
  else hazards.add(hazard);
}

/** UNIX_TIMESTAMP() is the clock's; UNIX_TIMESTAMP(x) is not. */
function readClockArgument(list: TokenList, index: number, name: string, hazards: Set<Hazard>): void {
  if (/^unix_timestamp$/i.test(name) && list.is(index + 2, TOKEN.close)) hazards.add('clock');
}

function readsRows(list: TokenList, verb: Verb): boolean {
  for (let index = verb.at + 1; index < list.length; index++) {
    if (list.keyword(index) === K.select) return true;
  }
  return false;
}

function has(list: TokenList, word: number): boolean {
  for (let index = 0; index < list.length; index++) {
    if (list.keyword(index) === word) return true;
  }
  return false;
}
