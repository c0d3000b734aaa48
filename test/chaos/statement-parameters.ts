/** A plain statement with some of its literals as parameters. */
import type { Random } from '../harness/random.ts';

export interface ParameterText {
  readonly sql: string;
  /** Literals, without their quotes. */
  readonly literals: readonly string[];
}

/** `share`: of the literals that become parameters. */
export function withParameters(text: string, random: Random, share = 0.7): ParameterText {
  const literals: string[] = [];
  const sql = text.replace(/(?<=[=(,]\s?)(\d{1,9}|'[\w.: -]*')(?=[\s,)]|$)/g, (literal) => {
    if (!random.chance(share)) return literal;
    literals.push(literal.replaceAll("'", ''));
    return '?';
  });
  return { sql, literals };
}
