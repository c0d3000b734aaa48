/** The effects of a statement on its session, with the values that stand in its text. */
import { type Lexed, LITERAL } from '../sql/lexed.ts';
import type { ModeExpression } from '../sql/mode-expression.ts';
import type { Plan, SessionChange } from '../sql/plan.ts';
import type { PrepareStep, UsedValue } from '../sql/prepare-step.ts';
import { type BoundValues, NOT_BOUND } from './executed-values.ts';
import { ISOLATION_VARIABLES, isolationOf, namedIsolation } from './isolation.ts';
import { type ModeEdit, modeText } from './mode-edit.ts';
import type { AssignedValue, SessionEffect, ValueSource } from './session-effect.ts';

/** A longer value is no setting of sense, and would be kept as long as the session. */
const VALUE_BYTES_MAX = 4096;

const PLAIN = /^[\x20-\x7e]*$/;

/** Words that stand for values of their own. */
const VALUE_WORDS: ReadonlySet<string> = new Set(['null', 'true', 'false']);

/** Where values stand: in the text, or bound to its parameters. */
interface Values {
  readonly sql: Buffer;
  readonly lexed: Lexed;
  readonly bound: BoundValues;
}

/** `bound`: of one execution of a prepared text. */
export function readEffects(
  plan: Plan,
  sql: Buffer,
  lexed: Lexed,
  bound: BoundValues = NOT_BOUND,
): SessionEffect[] {
  const values: Values = { sql, lexed, bound };
  if (plan.prepare !== null) {
    const effect = preparing(plan.prepare, values);
    return effect === null ? [] : [effect];
  }
  // Not every server executes all of it.
  const isCertain = !plan.hazards.has('conditional');
  return plan.session.flatMap((change) => {
    if (change.scope === 'global') return [];
    const certain: SessionChange = isCertain ? change : { ...change, value: 'expression' };
    const effect = change.scope === 'session' ? readEffect(certain, values) : ofTheNext(certain, values);
    return effect === null ? [] : [effect];
  });
}

/** What is set for the next transaction. */
function ofTheNext(change: SessionChange, values: Values): SessionEffect | null {
  const isVariable = change.what === 'variable' && ISOLATION_VARIABLES.includes(change.name);
  const value = isVariable ? isolationOf(valueText(change, values) ?? '') : namedIsolation(change.name);
  const level = change.what === 'transaction' || isVariable ? value : null;
  return level === null ? null : { what: 'isolation', level, scope: 'next' };
}

function preparing({ what, name, text }: PrepareStep, { sql, lexed }: Values): SessionEffect | null {
  if (what === 'deallocate') return { what, name };
  return what === 'prepare' ? { what, name, text: preparingValue(text, sql, lexed) } : null;
}

/** A text that PREPARE or EXECUTE IMMEDIATE names, or a value that EXECUTE … USING does. */
export function preparingValue(value: UsedValue, sql: Buffer, lexed: Lexed): AssignedValue {
  if (value === null) return null;
  return 'slot' in value
    ? literalValue(value.slot, { sql, lexed, bound: NOT_BOUND })
    : { userVariable: value.variable };
}

function readEffect(change: SessionChange, values: Values): SessionEffect | null {
  const value = valueText(change, values);
  switch (change.what) {
    case 'use':
      return { what: 'use', database: change.name };
    case 'names':
    case 'character_set': {
      // DEFAULT is the old server's, whose name the text does not have.
      if (value === null || /^default$/i.test(value))
        return { what: 'variable', name: 'character_set_client', value: null };
      const words = change.what === 'names' ? 'NAMES' : 'CHARACTER SET';
      const named = collationText(change, values);
      if (named === null) return { what: 'variable', name: 'character_set_client', value: null };
      const collation = named === '' ? '' : ` COLLATE ${named}`;
      return {
        what: 'names',
        statement: `SET ${words} ${value}${collation}`,
        charset: unquoted(value).toLowerCase(),
      };
    }
    case 'variable':
      if (change.name === 'autocommit') return { what: 'autocommit' };
      if (ISOLATION_VARIABLES.includes(change.name))
        return { what: 'isolation', level: isolationOf(value ?? ''), scope: 'session' };
      return readSetting(change, value, values);
    case 'user_variable':
      return { what: 'user_variable', name: change.name, value: assignedValue(change, values) };
    case 'transaction': {
      const level = namedIsolation(change.name);
      return level === null ? null : { what: 'isolation', level, scope: 'session' };
    }
    case 'role':
      return null;
  }
}

function readSetting(change: SessionChange, value: string | null, values: Values): SessionEffect {
  const { name } = change;
  const assigned = change.value;
  if (isModeExpression(assigned))
    return { what: 'variable', name, value: null, mode: readEdit(assigned.mode, values) };
  const from = sourceOf(assigned, values);
  return from === null ? { what: 'variable', name, value } : { what: 'variable', name, value: null, from };
}

/** The value as SQL; null: not a literal or a word, so it is not known. */
function valueText(change: SessionChange, values: Values): string | null {
  const { value } = change;
  if (value === null || value === 'expression' || isModeExpression(value) || isSource(value)) return null;
  return 'word' in value ? value.word : settingText(value.slot, values);
}

function isSource(value: SessionChange['value']): value is ValueSource {
  return typeof value === 'object' && value !== null && ('userVariable' in value || 'setting' in value);
}

/** Null: the value is not taken from anywhere else. */
function sourceOf(value: SessionChange['value'], values: Values): ValueSource | null {
  if (isSource(value)) return value;
  if (typeof value !== 'object' || value === null || !('slot' in value)) return null;
  const found = literalValue(value.slot, values);
  return found === null || 'literal' in found ? null : found;
}

function assignedValue({ value }: SessionChange, values: Values): AssignedValue {
  if (isSource(value)) return value;
  if (typeof value !== 'object' || value === null) return null;
  if ('slot' in value) return literalValue(value.slot, values);
  return 'word' in value && VALUE_WORDS.has(value.word) ? { literal: value.word, form: 'plain' } : null;
}

/** Empty: none is named; null: it is named by what can't be told. */
function collationText({ collation }: SessionChange, values: Values): string | null {
  if (collation === null) return '';
  if (typeof collation === 'string') return collation;
  const text = settingText(collation.slot, values);
  const name = text === null ? '' : unquoted(text).toLowerCase();
  return /^\w+$/.test(name) ? name : null;
}

function isModeExpression(value: SessionChange['value']): value is { readonly mode: ModeExpression } {
  return typeof value === 'object' && value !== null && 'mode' in value;
}

function readEdit(expression: ModeExpression, values: Values): ModeEdit {
  if ('slot' in expression) {
    const text = settingText(expression.slot, values);
    return { text: text === null ? null : modeText(text) };
  }
  if ('mode' in expression) return expression;
  return { call: expression.call, args: expression.args.map((arg) => readEdit(arg, values)) };
}

/** What stands in a slot, as the text has it or as it is bound; null: not known, or too long. */
function literalValue(slot: number, { sql, lexed, bound }: Values): AssignedValue {
  for (let index = 0; index < lexed.literalCount; index++) {
    if (lexed.literalSlot(index) !== slot) continue;
    const ordinal = lexed.literalOrdinal(index);
    if (ordinal >= 0) return bound(ordinal);
    const from = lexed.literalStart(index);
    const to = lexed.literalEnd(index);
    if (to - from > VALUE_BYTES_MAX) return null;
    const type = lexed.literalType(index);
    const form = type === LITERAL.string ? 'string' : type === LITERAL.otherString ? 'composed' : 'plain';
    return { literal: sql.toString('latin1', from, to), form };
  }
  return null;
}

/** The same as the value of a setting, which has no other letters than plain ones. */
function settingText(slot: number, values: Values): string | null {
  const found = literalValue(slot, values);
  if (found === null || !('literal' in found)) return null;
  return PLAIN.test(found.literal) ? found.literal : null;
}

function unquoted(value: string): string {
  return value.replace(/^['"]|['"]$/g, '');
}
