/** The values of a SET's parameters, by their numbers from 0 on: what is assigned where the text has a `?`. */
import type { ExecutePacket } from '../wire/execute-packet.ts';
import type { AssignedValue } from './session-effect.ts';

export type BoundValues = (ordinal: number) => AssignedValue;

/** Nothing is bound: the values of parameters are not known. */
export const NOT_BOUND: BoundValues = () => null;

/**
 * What means the same between quotes in every sql_mode and character set once its quotes are doubled: no quote is
 * the second byte of any character.
 */
const QUOTABLE = /^[^\0\\]*$/;
/** A longer one is no setting of sense, and would be kept as long as the session. */
const BYTES_MAX = 4096;

/** Of COM_STMT_EXECUTE. Not known: strings with a backslash, decimals, times, and what was sent ahead. */
export function executedWith(packet: ExecutePacket): BoundValues {
  return (ordinal) => {
    const bound = packet.value(ordinal);
    switch (bound?.what) {
      case 'null':
        return { literal: 'null', form: 'plain' };
      case 'integer':
        return { literal: bound.digits, form: 'plain' };
      case 'double':
        // With an exponent a literal is a double, where without one it would be a decimal.
        return Number.isFinite(bound.value) ? { literal: bound.value.toExponential(), form: 'plain' } : null;
      case 'string':
        if (bound.bytes.length > BYTES_MAX) return null;
        return QUOTABLE.test(bound.bytes) ? { literal: quoted(bound.bytes), form: 'string' } : null;
      case undefined:
        return null;
    }
  };
}

/** Of EXECUTE … USING. */
export function executedUsing(values: readonly AssignedValue[]): BoundValues {
  return (ordinal) => values[ordinal] ?? null;
}

function quoted(bytes: string): string {
  return `'${bytes.replaceAll("'", "''")}'`;
}
