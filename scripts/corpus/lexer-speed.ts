/** How fast the lexer reads the corpus. */
import { Lexer } from '../../src/sql/lexer.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

/** Whatever else the machine does shows in most rounds, but hardly in the fastest of all. */
const ROUNDS = 7;

export interface LexerSpeed {
  readonly statements: number;
  readonly bytes: number;
  /** Of the fastest pass over all statements. */
  readonly megabytesPerSecond: number;
  readonly microsPerStatement: number;
  /** The slowest statement, in its fastest round, and its length in bytes. */
  readonly slowestMicros: number;
  readonly slowestBytes: number;
}

export function measureLexer(texts: readonly Buffer[]): LexerSpeed {
  const lexer = new Lexer(1);
  const fastestNs = new Float64Array(texts.length).fill(Number.POSITIVE_INFINITY);
  let passNs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const began = process.hrtime.bigint();
    for (const text of texts) lexer.lex(text, 0, text.length, DEFAULT_SQL_MODE);
    passNs = Math.min(passNs, Number(process.hrtime.bigint() - began));
    for (const [index, text] of texts.entries()) {
      const begin = process.hrtime.bigint();
      lexer.lex(text, 0, text.length, DEFAULT_SQL_MODE);
      fastestNs[index] = Math.min(fastestNs[index]!, Number(process.hrtime.bigint() - begin));
    }
  }
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  const slowest = fastestNs.indexOf(Math.max(...chunkMaxima(fastestNs)));
  return {
    statements: texts.length,
    bytes,
    megabytesPerSecond: (bytes / passNs) * 1000,
    microsPerStatement: passNs / texts.length / 1000,
    slowestMicros: (fastestNs[slowest] ?? 0) / 1000,
    slowestBytes: texts[slowest]?.length ?? 0,
  };
}

/** A call takes so many arguments and no more. */
function chunkMaxima(values: Float64Array): number[] {
  const maxima: number[] = [0];
  for (let from = 0; from < values.length; from += 10_000) {
    maxima.push(Math.max(...values.subarray(from, from + 10_000)));
  }
  return maxima;
}
