/** The effects of a statement on its session, with the values that stand in its text. */
import { type Lexed, LITERAL } from '../sql/lexed.ts';
import type { ModeExpression } from '../sql/mode-expression.ts';
import type { Plan, SessionChange } from '../sql/plan.ts';
import type { PrepareStep, UsedValue } from '../sql/prepare-step.ts';
import { ISOLATION_VARIABLES, isolationOf, namedIsolation } from './isolation.ts';
import { type ModeEdit, modeText } from './mode-edit.ts';
import type { AssignedValue, SessionEffect, ValueSource } from './session-effect.ts';

/** A longer value is no setting of sense, and would be kept as long as the session. */
const VALUE_BYTES_MAX = 4096;

/** Words that stand for values of their own. */
const VALUE_WORDS: ReadonlySet<string> = new Set(['null', 'true', 'false']);

export function readEffects(plan: Plan, sql: Buffer, lexed: Lexed): SessionEffect[] {
  if (plan.prepare !== null) {
    const effect = preparing(plan.prepare, sql, lexed);
    return effect === null ? [] : [effect];
  }
  // Not every server executes all of it.
  const isCertain = !plan.hazards.has('conditional');
  return plan.session.flatMap((change) => {
    if (change.scope === 'global') return [];
    const certain: SessionChange = isCertain ? change : { ...change, value: 'expression' };
    const effect =
      change.scope === 'session' ? readEffect(certain, sql, lexed) : ofTheNext(certain, sql, lexed);
    return effect === null ? [] : [effect];
  });
}

/** What is set for the next transaction. */
function ofTheNext(change: SessionChange, sql: Buffer, lexed: Lexed): SessionEffect | null {
  const isVariable = change.what === 'variable' && ISOLATION_VARIABLES.includes(change.name);
  const value = isVariable ? isolationOf(valueText(change, sql, lexed) ?? '') : namedIsolation(change.name);
  const level = change.what === 'transaction' || isVariable ? value : null;
  return level === null ? null : { what: 'isolation', level, scope: 'next' };
}

function preparing({ what, name, text }: PrepareStep, sql: Buffer, lexed: Lexed): SessionEffect | null {
  if (what === 'deallocate') return { what, name };
  return what === 'prepare' ? { what, name, text: preparingValue(text, sql, lexed) } : null;
}

/** A text that PREPARE or EXECUTE IMMEDIATE names, or a value that EXECUTE … USING does. */
export function preparingValue(value: UsedValue, sql: Buffer, lexed: Lexed): AssignedValue {
  if (value === null) return null;
  return 'slot' in value ? literalValue(value.slot, sql, lexed) : { userVariable: value.variable };
}

function readEffect(change: SessionChange, sql: Buffer, lexed: Lexed): SessionEffect | null {
  const value = valueText(change, sql, lexed);
  switch (change.what) {
    case 'use':
      return { what: 'use', database: change.name };
    case 'names':
    case 'character_set': {
      if (value === null) return { what: 'variable', name: 'character_set_client', value: null };
      const words = change.what === 'names' ? 'NAMES' : 'CHARACTER SET';
      const named = collationText(change, sql, lexed);
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
      if (isModeExpression(change.value)) {
        return {
          what: 'variable',
          name: change.name,
          value: null,
          mode: readEdit(change.value.mode, sql, lexed),
        };
      }
      if (isSource(change.value)) return { what: 'variable', name: change.name, value, from: change.value };
      return { what: 'variable', name: change.name, value };
    case 'user_variable':
      return { what: 'user_variable', name: change.name, value: assignedValue(change, sql, lexed) };
    case 'transaction': {
      const level = namedIsolation(change.name);
      return level === null ? null : { what: 'isolation', level, scope: 'session' };
    }
    case 'role':
      return null;
  }
}

/** The value as SQL; null: not a literal or a word, so it is not known. */
function valueText(change: SessionChange, sql: Buffer, lexed: Lexed): string | null {
  const { value } = change;
  if (value === null || value === 'expression' || isModeExpression(value) || isSource(value)) return null;
  return 'word' in value ? value.word : literalText(value.slot, sql, lexed);
}

function isSource(value: SessionChange['value']): value is ValueSource {
  return typeof value === 'object' && value !== null && ('userVariable' in value || 'setting' in value);
}

function assignedValue({ value }: SessionChange, sql: Buffer, lexed: Lexed): AssignedValue {
  if (isSource(value)) return value;
  if (typeof value !== 'object' || value === null) return null;
  if ('slot' in value) return literalValue(value.slot, sql, lexed);
  return 'word' in value && VALUE_WORDS.has(value.word) ? { literal: value.word, form: 'plain' } : null;
}

function literalValue(slot: number, sql: Buffer, lexed: Lexed): AssignedValue {
  const literal = literalText(slot, sql, lexed, 'latin1');
  if (literal === null) return null;
  for (let index = 0; index < lexed.literalCount; index++) {
    if (lexed.literalSlot(index) !== slot) continue;
    const type = lexed.literalType(index);
    const form = type === LITERAL.string ? 'string' : type === LITERAL.otherString ? 'composed' : 'plain';
    return { literal, form };
  }
  return null;
}

/** Empty: none is named; null: it is named by what can't be told. */
function collationText({ collation }: SessionChange, sql: Buffer, lexed: Lexed): string | null {
  if (collation === null) return '';
  if (typeof collation === 'string') return collation;
  const text = literalText(collation.slot, sql, lexed);
  const name = text === null ? '' : unquoted(text).toLowerCase();
  return /^\w+$/.test(name) ? name : null;
}

function isModeExpression(value: SessionChange['value']): value is { readonly mode: ModeExpression } {
  return typeof value === 'object' && value !== null && 'mode' in value;
}

function readEdit(expression: ModeExpression, sql: Buffer, lexed: Lexed): ModeEdit {
  if ('slot' in expression) {
    const text = literalText(expression.slot, sql, lexed);
    return { text: text === null ? null : modeText(text) };
  }
  if ('mode' in expression) return expression;
  return { call: expression.call, args: expression.args.map((arg) => readEdit(arg, sql, lexed)) };
}

/** The literal as it stands in the text; null: a parameter, or too long. */
function literalText(
  slot: number,
  sql: Buffer,
  lexed: Lexed,
  encoding: 'utf8' | 'latin1' = 'utf8',
): string | null {
  for (let index = 0; index < lexed.literalCount; index++) {
    if (lexed.literalSlot(index) !== slot) continue;
    // A parameter's value is in the execution, not in the text.
    if (lexed.literalOrdinal(index) >= 0) return null;
    const from = lexed.literalStart(index);
    const to = lexed.literalEnd(index);
    return to - from > VALUE_BYTES_MAX ? null : sql.toString(encoding, from, to);
  }
  return null;
}

function unquoted(value: string): string {
  return value.replace(/^['"]|['"]$/g, '');
}
