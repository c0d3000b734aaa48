/** The effects of a statement on its session, with the values that stand in its text. */
import type { Lexed } from '../sql/lexed.ts';
import type { Plan, SessionChange } from '../sql/plan.ts';
import { OWN_VALUE } from './own-value.ts';
import type { SessionEffect } from './session-state.ts';

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
      const collation = change.collation === null ? '' : ` COLLATE ${change.collation}`;
      return {
        what: 'names',
        statement: `SET ${words} ${value}${collation}`,
        charset: unquoted(value).toLowerCase(),
      };
    }
    case 'variable':
      if (change.name === 'autocommit') return { what: 'autocommit' };
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
  if (value === null || value === 'expression') return null;
  if ('word' in value) return value.word;
  if ('slot' in value) return literalText(value.slot, sql, lexed);
  const literals = value.slots.map((slot) => literalText(slot, sql, lexed));
  return literals.includes(null) ? null : `${value.call}(${[OWN_VALUE, ...literals].join(', ')})`;
}

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
