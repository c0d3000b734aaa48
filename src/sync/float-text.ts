/**
 * Texts of floating-point numbers that are the same on MariaDB and MySQL just where the numbers are, zeros of either
 * sign being one.
 *
 * Both print a FLOAT with six digits, which is too few. A DOUBLE column prints all digits that tell it from its
 * neighbours, but near zero each server has its own mind about when to write an exponent; an expression of that type
 * has too few digits in MySQL. MySQL prints -0, MariaDB does not. LOG2() may be off by the last bit.
 */

/** Numbers from here on print the same on both. */
const PRINTED_MIN = '1e-3';

/** A DOUBLE column without digits of its own behind the point. `sameKind`: both servers are of one kind. */
export function doubleText(column: string, sameKind: boolean): string {
  const printed = `IF(${column} = 0, '0', ${column})`;
  return sameKind
    ? printed
    : `IF(ABS(${column}) < ${PRINTED_MIN} AND ${column} <> 0, ${exactText(column)}, ${printed})`;
}

/** Of a FLOAT: its exponent, and its 24 bits as a whole number. */
export function floatText(value: string): string {
  // The factor is less than what lies between two numbers of so few bits, and more than an error of LOG2().
  const exponent = `FLOOR(LOG2(ABS(${value}) * 1.00000003e0))`;
  return `IF(${value} = 0, '0', CONCAT(${exponent}, ':', CAST(${value} * POW(2, 24 - ${exponent}) AS SIGNED)))`;
}

/** Of any number: an odd number and the power of two that it is multiplied by, so that an exponent that is off by one does no harm. */
export function exactText(value: string): string {
  const exponent = `CAST(FLOOR(LOG2(ABS(${value}))) AS SIGNED)`;
  // In two steps, as no power may be beyond what a DOUBLE can hold.
  const half = `((55 - ${exponent}) DIV 2)`;
  const whole = `CAST(ABS(${value}) * POW(2, ${half}) * POW(2, 55 - ${exponent} - ${half}) AS SIGNED)`;
  const lowestBit = `(${whole} & -${whole})`;
  const power = `${exponent} - 55 + BIT_COUNT(${lowestBit} - 1)`;
  return `IF(${value} = 0, '0', CONCAT(IF(${value} < 0, '-', ''), ${whole} DIV ${lowestBit}, 'p', ${power}))`;
}
