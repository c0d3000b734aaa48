/** Names and values as SQL, for sessions of the sync: sql_mode changes no syntax there, and text is utf8mb4. */
import { escape as quoted } from 'mysql2';
import type { Value } from './value.ts';

const NUMBER = /^-?\d+(?:\.\d+)?$/;

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A table by its database. */
export function tableName({ database, name }: { readonly database: string; readonly name: string }): string {
  return `${quoteName(database)}.${quoteName(name)}`;
}

/** A literal; text and bytes take the character set and collation of the column that they are held against. */
export function literal(value: Value): string {
  return value === null ? 'NULL' : quoted(value);
}

/** Without quotes, as a number in a text may be compared in floating point. Throws where it is none. */
export function numberLiteral(value: Value): string {
  if (value === null) return 'NULL';
  const text = value.toString();
  if (!NUMBER.test(text)) throw new TypeError(`"${text}" is no number, as a key of this column must be`);
  return text;
}

/** The bytes that a text has in utf8mb4, or those that it is. */
export function bytesLiteral(value: string | Buffer): string {
  return `X'${Buffer.from(value as string).toString('hex')}'`;
}
