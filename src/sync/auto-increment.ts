/** How a server counts: AUTO_INCREMENT with the settings of servers that share their numbers out. Pure. */

/** `auto_increment_increment` and `auto_increment_offset` of a server. */
export interface Step {
  readonly increment: bigint;
  readonly offset: bigint;
}

export const ONE_BY_ONE: Step = { increment: 1n, offset: 1n };

/**
 * The number that a server gives out next whose counter (`AUTO_INCREMENT` of a table) stands at `counter`.
 * https://dev.mysql.com/doc/refman/8.4/en/replication-options-source.html#sysvar_auto_increment_offset
 */
export function nextNumber(counter: bigint, step: Step): bigint {
  const from = counter < 1n ? 1n : counter;
  return from + ahead(from, step);
}

/** The highest number of its own series that it may have given out; 0: none. */
export function lastNumber(counter: bigint, step: Step): bigint {
  const last = nextNumber(counter, step) - step.increment;
  return last > 0n ? last : 0n;
}

/** How far it is from `number` to the next one of the series. */
function ahead(number: bigint, { increment, offset }: Step): bigint {
  // Both servers take an offset above the increment for 0.
  const phase = offset > increment ? 0n : offset % increment;
  return (((phase - number) % increment) + increment) % increment;
}

const BITS: Readonly<Record<string, bigint>> = {
  tinyint: 8n,
  smallint: 16n,
  mediumint: 24n,
  int: 32n,
  bigint: 64n,
};

/** InnoDB numbers a column of these types only as far as each whole number has a value of its own. */
const FLOATING: Readonly<Record<string, bigint>> = { float: 1n << 24n, double: 1n << 53n };

/** The highest number that a column holds, of its COLUMN_TYPE such as `bigint(20) unsigned`. */
export function highestOf(columnType: string): bigint {
  const [name = ''] = columnType.toLowerCase().split(/[ (]/);
  const floating = FLOATING[name];
  if (floating !== undefined) return floating;
  const decimals = /^decimal\((\d+),0\)/i.exec(columnType)?.[1];
  if (decimals !== undefined) return 10n ** BigInt(decimals) - 1n;
  const bits = BITS[name] ?? 64n;
  // ZEROFILL makes a column unsigned.
  return (1n << (/unsigned|zerofill/i.test(columnType) ? bits : bits - 1n)) - 1n;
}
