import { expect, it } from 'vitest';
import { changesRowByRow } from '../../src/mirror/row-by-row.ts';
import { unknownTable } from '../../src/mirror/table-facts.ts';
import { planOf } from '../harness/mirror-kit.ts';

const TABLES = [unknownTable('messages', 'folderid')];
/** As the parser agrees with. */
const read = (sql: string) => ({ ...planOf(sql), parsed: true });
const PLAIN = { generates: false, runsTriggers: false };

it.each([
  ['UPDATE messages SET t = 1 WHERE title = 2', true],
  ['UPDATE messages m SET m.t = m.t + 1, m.at = NOW() WHERE m.title LIKE 2 ORDER BY m.at', true],
  ['DELETE FROM messages WHERE title = 2 OR at < NOW()', true],
  ['DELETE FROM messages', true],
  ['INSERT INTO messages (folderid, t) VALUES (1, 2), (2, 3)', true],
  ['UPDATE messages SET t = 1 WHERE title = 2 LIMIT 1', false],
  ['DELETE FROM messages ORDER BY title LIMIT 1', false],
  ['UPDATE IGNORE messages SET t = 1 WHERE title = 2', false],
  ['INSERT IGNORE INTO messages (folderid) VALUES (1)', false],
  ['INSERT INTO messages (folderid) VALUES (1) ON DUPLICATE KEY UPDATE t = 2', false],
  ['REPLACE INTO messages (folderid) VALUES (1)', false],
  ['INSERT INTO messages (folderid) SELECT 1', false],
  ['INSERT INTO messages (folderid, t) VALUES (1, (SELECT MAX(t) FROM messages))', false],
  ['UPDATE messages SET t = (SELECT 1 FROM others)', false],
  ['UPDATE messages, others SET messages.t = others.t', false],
  ['DELETE messages FROM messages JOIN others USING (folderid)', false],
  ['UPDATE messages SET t = @a := @a + 1', false],
  ['UPDATE messages SET t = mine(t)', false],
  ['UPDATE messages SET t = RAND()', false],
  ['UPDATE others SET t = 1', false],
  ['TRUNCATE messages', false],
])('%s: %s', (sql, expected) => {
  expect(changesRowByRow(read(sql), TABLES, PLAIN)).toBe(expected);
});

it('a trigger may do anything beside, and what the parser refused may mean anything', () => {
  const plan = read('UPDATE messages SET t = 1 WHERE title = 2');
  expect(changesRowByRow({ ...plan, parsed: false }, TABLES, PLAIN)).toBe(false);
  expect(changesRowByRow(plan, TABLES, { ...PLAIN, runsTriggers: true })).toBe(false);
});
