/** What stands before a literal and may turn out to be part of it: a minus, or an introducer such as `_utf8`. */
import { LITERAL } from './lexed.ts';

const NOTHING = 0;
const SIGN = 1;
const INTRODUCER = 2;

export class LiteralPrefix {
  private kind: number = NOTHING;
  /** Where it stands, and what it adds to the hashes as a name. */
  start = 0;
  end = 0;
  a = 0;
  b = 0;

  clear(): void {
    this.kind = NOTHING;
  }

  isPending(): boolean {
    return this.kind !== NOTHING;
  }

  isSign(): boolean {
    return this.kind === SIGN;
  }

  /** A minus that is the sign of a number, should one follow. */
  sign(start: number): void {
    this.kind = SIGN;
    this.start = start;
    this.end = start + 1;
  }

  /** A character set's name that is no name, should a string follow. */
  introducer(a: number, b: number, start: number, end: number): void {
    this.kind = INTRODUCER;
    this.start = start;
    this.end = end;
    this.a = a;
    this.b = b;
  }

  /** True where a literal of this LITERAL type, right behind it, takes it in. */
  belongsTo(type: number): boolean {
    if (this.kind === SIGN) return type <= LITERAL.decimal;
    return this.kind === INTRODUCER && type >= LITERAL.string && type <= LITERAL.bit;
  }
}
