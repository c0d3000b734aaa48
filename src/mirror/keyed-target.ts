/** What a statement touches, by the keys that were found in it. */
import type { KeysFound, ParamReader } from '../sql/keys.ts';
import type { BoundPlan } from './bound-plan.ts';
import { sameNumbers } from './replay-needs.ts';
import type { Execution } from './selector.ts';
import type { SessionState } from './session-state.ts';
import { tableKey } from './table-key.ts';
import type { NumberedRows, Target } from './target.ts';
import { isUtf8Charset, keepsCharacters } from './text-charsets.ts';

/** Of a text that is not at hand as a whole, or not sure to be read right (not `complete`), there may be more keys. */
export function targetOf(
  { binding, keyless }: BoundPlan,
  found: KeysFound,
  complete: boolean,
  numbered: NumberedRows | null,
): Target {
  const { tables, reached, barriers, rowByRow, transactional } = keyless;
  const keys = found.keys.map((key, index) => {
    const { name, fold } = binding.tables[found.tables[index]!]!;
    return tableKey(name, key, fold?.(key) ?? key);
  });
  return {
    tables,
    reached,
    barriers,
    keys,
    rowByRow,
    transactional,
    keysComplete: found.complete && complete,
    numbered: complete ? numbered : null,
  };
}

/** Only of a plain INSERT: another may touch rows besides those that it numbers, or number rows that it passes over. */
export function numberedRows(
  { binding, needs }: BoundPlan,
  { numbered }: KeysFound,
  session: SessionState,
): NumberedRows | null {
  if (numbered === 0 || !sameNumbers(needs, numbered)) return null;
  if (binding.tables.length !== 1 || !/^INSERT\b/.test(binding.plan.digest)) return null;
  const step = Number(session.context.variables.get('auto_increment_increment'));
  if (numbered > 1 && !Number.isSafeInteger(step)) return null;
  return { rows: numbered, step: numbered === 1 ? 1 : step };
}

/** Bytes that are no ASCII can't be told apart from UTF-8 where the client speaks neither. */
const ASCII = /^[\0-\x7f]*$/;
/** In Swedish ASCII some of these bytes are letters. */
const NOT_ASCII = 'swe7';

/**
 * Of a client that does not speak UTF-8 the same bytes are other characters, but for those that are decoded; and where
 * its texts are read into another character set, characters that this lacks become question marks.
 */
export function readsKeys(
  { keys }: Pick<KeysFound, 'keys'>,
  session: Pick<SessionState, 'textCharsets' | 'sqlMode'>,
): boolean {
  const { textCharsets } = session;
  const { client } = textCharsets;
  const isDecoded = session.sqlMode.charset !== 'none' || (client !== null && isUtf8Charset(client));
  if (isDecoded && keepsCharacters(textCharsets)) return true;
  return client !== NOT_ASCII && keys.every((key) => ASCII.test(key));
}

/** Reads keys out of an execution's parameters; undefined: they can't be read, or it has none. */
export function parameters(execution: Execution | null, { sqlMode }: SessionState): ParamReader | undefined {
  const packet = execution?.packet ?? null;
  if (packet === null) return undefined;
  const isUtf8 = sqlMode.charset === 'none';
  return {
    key: (ordinal) => {
      const key = packet.keyText(ordinal);
      return key === null || isUtf8 || ASCII.test(key) ? key : null;
    },
    numberKind: (ordinal) => packet.numberKind(ordinal),
  };
}
