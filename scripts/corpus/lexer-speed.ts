/** How fast the lexer reads the corpus. */
import { Lexer } from '../../src/sql/lexer.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

/** Whatever else the machine does shows in most rounds, but hardly in the fastest of all. */
const ROUNDS = 7;
/** The most that the lexer is given of one command, as `queue.statementBytes` stands unless told otherwise. */
const LONGEST_BYTES = 4 * 1024 * 1024;

export interface LexerSpeed {
  readonly statements: number;
  readonly bytes: number;
  /** Of the fastest pass over all statements. */
  readonly megabytesPerSecond: number;
  readonly microsPerStatement: number;
  /** The slowest statement, in its fastest round, and its length in bytes. */
  readonly slowestMicros: number;
  readonly slowestBytes: number;
  /** A statement of `LONGEST_BYTES`: of short rows, and of one long string. */
  readonly longestRowsMicros: number;
  readonly longestStringMicros: number;
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
    longestRowsMicros: fastestMicros(lexer, longest("INSERT INTO t VALUES (1,'a')", ",(12345,'abcdefgh')")),
    longestStringMicros: fastestMicros(
      lexer,
      longest("INSERT INTO t VALUES ('", "it\\'s\\na text of some lines"),
    ),
  };
}

function longest(begin: string, repeated: string): Buffer {
  return Buffer.alloc(LONGEST_BYTES, begin.padEnd(LONGEST_BYTES, repeated));
}

function fastestMicros(lexer: Lexer, text: Buffer): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = process.hrtime.bigint();
    lexer.lex(text, 0, text.length, DEFAULT_SQL_MODE);
    fastest = Math.min(fastest, Number(process.hrtime.bigint() - begin) / 1000);
  }
  return fastest;
}

/** A call takes so many arguments and no more. */
function chunkMaxima(values: Float64Array): number[] {
  const maxima: number[] = [0];
  for (let from = 0; from < values.length; from += 10_000) {
    maxima.push(Math.max(...values.subarray(from, from + 10_000)));
  }
  return maxima;
}
