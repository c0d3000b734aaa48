/** What a server takes for one key has one folded text: asked of the servers themselves, letter by letter. */
import type { RowDataPacket } from 'mysql2/promise';
import { describe, expect, it } from 'vitest';
import { keyFold } from '../../src/mirror/key-folding.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';

/** The letters of the scripts that most keys are written in, and pairs that some language takes for one. */
const LETTERS = Array.from({ length: 0x2500 - 0x20 }, (_, index) => String.fromCodePoint(index + 0x20));
const PAIRS = [...'abcdeghijlnostuvwyz'].flatMap((one) => [...'aehijostuvxyz'].map((other) => one + other));
const WIDE = ['Ａ', 'ｱ', 'ア', 'あ', 'ﬁ', 'ﬀ', '①', '中', '🍣', '🍺', '𝐀', 'e\u0301', 'A ', 'a\u0000'];
const TEXTS = [...LETTERS, ...PAIRS, ...WIDE];

const COLLATIONS = {
  MariaDB: [
    ...['utf8mb4_general_ci', 'utf8mb4_unicode_ci', 'utf8mb4_unicode_520_ci', 'utf8mb4_uca1400_ai_ci'],
    ...[
      'utf8mb4_uca1400_as_cs',
      'utf8mb4_bin',
      'utf8mb4_nopad_bin',
      'utf8mb4_german2_ci',
      'utf8mb4_danish_ci',
    ],
    ...['utf8mb4_swedish_ci', 'utf8mb4_roman_ci', 'utf8mb4_turkish_ci', 'utf8mb4_spanish2_ci'],
    ...['latin1_swedish_ci', 'latin1_german2_ci', 'latin1_danish_ci', 'latin2_czech_cs', 'cp1251_general_ci'],
  ],
  'MySQL 9': [
    ...['utf8mb4_general_ci', 'utf8mb4_0900_ai_ci', 'utf8mb4_0900_as_cs', 'utf8mb4_0900_bin'],
    ...['utf8mb4_de_pb_0900_ai_ci', 'utf8mb4_da_0900_ai_ci', 'utf8mb4_la_0900_ai_ci', 'latin1_swedish_ci'],
  ],
} as const;
const STARTS = { MariaDB: startMariadb, 'MySQL 9': startMysql };

describe.each(['MariaDB', 'MySQL 9'] as const)('on %s', (kind) => {
  it('all spellings of a key have one folded text', async () => {
    const server = await STARTS[kind]();
    try {
      await server.query(
        'CREATE DATABASE app; CREATE TABLE app.texts (id INT AUTO_INCREMENT PRIMARY KEY, c VARCHAR(4) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)',
      );
      await server.query('INSERT INTO app.texts (c) VALUES ?', [TEXTS.map((text) => [text])]);
      for (const collation of COLLATIONS[kind]) {
        const charset = collation.slice(0, collation.indexOf('_'));
        const rows = await server.query<RowDataPacket[]>(
          `SELECT c, HEX(WEIGHT_STRING(CONVERT(c USING ${charset}) COLLATE ${collation})) AS weight FROM app.texts
            WHERE CONVERT(CONVERT(c USING ${charset}) USING utf8mb4) COLLATE utf8mb4_bin = c`,
        );
        expect.soft(apart(collation, rows), collation).toEqual([]);
        expect(rows.length, collation).toBeGreaterThan(100);
      }
    } finally {
      await server.destroy();
    }
  });
});

/** Texts of one weight with several folded texts: each such pair is two writes of a row that may pass each other. */
function apart(collation: string, rows: readonly RowDataPacket[]): string[] {
  const fold = keyFold('varchar', collation) ?? ((key: string): string | null => key);
  const byWeight = new Map<string, string[]>();
  for (const { c, weight } of rows) {
    const alike = byWeight.get(String(weight));
    if (fold(String(c)) === null) continue;
    if (alike === undefined) byWeight.set(String(weight), [String(c)]);
    else alike.push(String(c));
  }
  return [...byWeight.values()]
    .filter((texts) => new Set(texts.map(fold)).size > 1)
    .map((texts) => texts.map((text) => `${text} (${fold(text)})`).join(' = '));
}
