/**
 * One form for what fills a column that an INSERT leaves out, as both kinds of servers show it in COLUMN_DEFAULT and EXTRA.
 */
import { expressionForm } from '../sql/expression-form.ts';
import { familyOf } from './column-family.ts';
import { membersOf } from './column-members.ts';
import { CLOCK_ALONE, type ColumnFacts, isGenerated, TEMPORAL } from './default-filling.ts';

export interface FilledColumn extends ColumnFacts {
  /** COLUMN_TYPE. */
  readonly columnType: string;
}

const QUOTED = /^'((?:[^'\\]|''|\\.)*)'$/s;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const BITS = /^b'([01]*)'$/i;
const ESCAPED: Readonly<Record<string, string>> = {
  '0': '\0',
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  Z: '\x1a',
};
const HEX = /^(?:0x([\da-f]*)|x'([\da-f]*)')$/i;

/** Columns of one form are filled with the same, if they are of one type. */
export function fillingForm(column: FilledColumn, isMariadb: boolean): string {
  const { extra } = column;
  const text = column.default;
  if (text === null) return column.nullable ? 'NULL' : impliedValue(column);
  if (isMariadb && /^NULL$/i.test(text)) return 'NULL';
  const clock = CLOCK_ALONE.exec(text);
  if (clock !== null && (TEMPORAL.test(column.type) || isMariadb || isGenerated(extra)))
    return `the clock, ${Number(clock[1] || 0)} digits`;
  if (isGenerated(extra)) return expressionOrValue(text, column);
  if (!isMariadb) return valueForm(text, column);
  const quoted = QUOTED.exec(text);
  if (quoted !== null) return valueForm(unescaped(quoted[1] ?? ''), column);
  return NUMBER.test(text) || BITS.test(text) || HEX.test(text)
    ? valueForm(text, column)
    : expressionOrValue(text, column);
}

/** Outside of strict mode; in it such an INSERT fails. */
function impliedValue(column: FilledColumn): string {
  switch (familyOf({ type: column.type.toLowerCase() })) {
    case 'integer':
    case 'decimal':
    case 'float':
      return valueForm('0', column);
    case 'text':
    case 'bytes':
    case 'set':
      return valueForm('', column);
    case 'enum':
      return valueForm(membersOf(column.columnType)[0] ?? '', column);
    default:
      return 'nothing';
  }
}

/** A literal in parentheses is an expression to the server. */
function expressionOrValue(text: string, column: FilledColumn): string {
  const plain = text.replaceAll("\\'", "'").replace(/^_[a-z0-9]+(?=')/i, '');
  const quoted = QUOTED.exec(plain);
  if (quoted !== null) return valueForm(unescaped(quoted[1] ?? ''), column);
  return NUMBER.test(plain) ? valueForm(plain, column) : `the expression ${expressionForm(text)}`;
}

function unescaped(text: string): string {
  return text.replaceAll("''", "'").replaceAll(/\\(.)/gs, (_, sign: string) => ESCAPED[sign] ?? sign);
}

function valueForm(text: string, { type }: FilledColumn): string {
  const bits = BITS.exec(text)?.[1];
  switch (familyOf({ type: type.toLowerCase() })) {
    case 'integer':
    case 'decimal':
    case 'float':
      return `the value ${bits === undefined ? numberForm(text) : BigInt(`0b0${bits}`)}`;
    case 'bytes':
      return `the bytes ${bytesForm(text)}`;
    case 'time':
    case 'datetime':
    case 'timestamp':
      return `the value ${text.replace(/\.0*$|(\.\d*?)0+$/, '$1')}`;
    default:
      return `the value ${JSON.stringify(text)}`;
  }
}

function numberForm(text: string): string {
  if (!NUMBER.test(text)) return text;
  if (/e/i.test(text)) return String(Number(text));
  const [, sign = '', whole = '', fraction = ''] = /^([+-]?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text) ?? [];
  const number = `${whole || '0'}${fraction === '' ? '' : `.${fraction}`}`;
  return sign === '-' && number !== '0' ? `-${number}` : number;
}

/** A BINARY is filled up with zeros, of which servers show some or none. */
function bytesForm(text: string): string {
  const hex = HEX.exec(text);
  const digits = hex === null ? Buffer.from(text).toString('hex') : (hex[1] ?? hex[2] ?? '').toLowerCase();
  return digits.replace(/(?:00)+$/, '');
}
