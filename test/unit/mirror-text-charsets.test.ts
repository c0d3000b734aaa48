/** By what a session has set, which characters of its texts come to the columns as they were sent. */
import { expect, it } from 'vitest';
import { readsKeys } from '../../src/mirror/keyed-target.ts';
import { keepsCharacters, textCharsets } from '../../src/mirror/text-charsets.ts';
import { charsetOfName } from '../../src/sql/charset.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

function keeps(names: string | null, set: Readonly<Record<string, string>> = {}): boolean {
  const settingOf = (name: string): string | null =>
    set[name] ?? (name.startsWith('collation') || names === null ? null : `'${names}'`);
  return keepsCharacters(textCharsets(settingOf, (name) => name in set));
}

it.each([
  ['utf8mb4', {}, true],
  ['gbk', {}, true],
  [null, {}, false],
  ['utf8mb4', { character_set_connection: "'latin1'" }, false],
  ['utf8mb4', { character_set_connection: "'utf8mb3'" }, true],
  ['utf8mb4', { collation_connection: "'latin1_bin'" }, false],
  ['utf8mb4', { collation_connection: "'utf8mb4_bin'" }, true],
  ['latin1', { character_set_client: "'GBK'" }, false],
  ['UTF8', { character_set_client: "'gbk'" }, true],
] as const)('%s, %j: %s', (names, set, expected) => {
  expect(keeps(names, set)).toBe(expected);
});

it.each([
  ['utf8mb4', 'utf8mb4', 'é', true],
  ['utf8mb4', 'latin1', 'é', false],
  ['utf8mb4', 'latin1', 'e', true],
  ['latin1', 'latin1', 'é', false],
  ['gbk', 'gbk', '日', true],
  ['gbk', 'latin1', '日', false],
  ['ujis', 'ujis', '日', false],
  [null, null, 'é', false],
  // In Swedish ASCII a brace is a letter.
  ['swe7', 'swe7', 'a{', false],
] as const)('keys of a client of %s, read into %s, like %s: %s', (client, connection, key, expected) => {
  const sqlMode = { ...DEFAULT_SQL_MODE, charset: charsetOfName(client ?? '') };
  expect(readsKeys({ keys: [key] }, { textCharsets: { client, connection }, sqlMode })).toBe(expected);
});
