/** The effects of a statement on its session, with the values that stand in its text. */
import type { Lexed } from '../sql/lexed.ts';
import type { ModeExpression } from '../sql/mode-expression.ts';
import type { Plan, SessionChange } from '../sql/plan.ts';
import { type ModeEdit, modeText } from './mode-edit.ts';
import type { SessionEffect } from './session-effect.ts';

/** A longer value is no setting of sense, and would be kept as long as the session. */
const VALUE_BYTES_MAX = 4096;

export function readEffects(plan: Plan, sql: Buffer, lexed: Lexed): SessionEffect[] {
  return plan.session.flatMap((change) => {
    const effect = change.scope === 'session' ? readEffect(change, sql, lexed) : null;
    return effect === null ? [] : [effect];
  });
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
      if (isModeExpression(change.value)) {
        return {
          what: 'variable',
          name: change.name,
          value: null,
          mode: readEdit(change.value.mode, sql, lexed),
        };
      }
      return { what: 'variable', name: change.name, value };
    case 'user_variable':
    case 'transaction':
    case 'role':
      return null;
  }
}

/** The value as SQL; null: not a literal or a word, so it is not known. */
function valueText(change: SessionChange, sql: Buffer, lexed: Lexed): string | null {
  const { value } = change;
  if (value === null || value === 'expression' || isModeExpression(value)) return null;
  return 'word' in value ? value.word : literalText(value.slot, sql, lexed);
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
function literalText(slot: number, sql: Buffer, lexed: Lexed): string | null {
  for (let index = 0; index < lexed.literalCount; index++) {
    if (lexed.literalSlot(index) !== slot) continue;
    // A parameter's value is in the execution, not in the text.
    if (lexed.literalOrdinal(index) >= 0) return null;
    const from = lexed.literalStart(index);
    const to = lexed.literalEnd(index);
    return to - from > VALUE_BYTES_MAX ? null : sql.toString('utf8', from, to);
  }
  return null;
}

function unquoted(value: string): string {
  return value.replace(/^['"]|['"]$/g, '');
}
