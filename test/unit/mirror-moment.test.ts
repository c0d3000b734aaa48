/** What replays take from their moment on the primary: the clock and the numbers that were given out. */
import { describe, expect, it } from 'vitest';
import { LaneMoment } from '../../src/mirror/lane-moment.ts';
import { secondOf } from '../../src/mirror/primary-clock.ts';
import { type ReplayNeeds, replayNeeds } from '../../src/mirror/replay-needs.ts';
import { type CatalogTable, unknownTable } from '../../src/mirror/table-facts.ts';
import { planOf } from '../harness/mirror-kit.ts';

function table(facts: Partial<CatalogTable> = {}): CatalogTable {
  return {
    ...unknownTable('messages', 'folderid'),
    known: true,
    transactional: true,
    triggers: { insert: 'none', update: 'none', delete: 'none' },
    ...facts,
  };
}

const NUMBERED = table({ autoIncrement: 'id' });
const STAMPED = table({
  clockDefaults: [
    { column: 'created', on: 'insert', fraction: 0 },
    { column: 'changed', on: 'update', fraction: 0 },
  ],
});
const FINE = table({ clockDefaults: [{ column: 'created', on: 'both', fraction: 6 }] });

describe('what a replay needs of its moment', () => {
  const cases: readonly (readonly [string, CatalogTable, ReplayNeeds['clock'], ReplayNeeds['numbers']])[] = [
    ['INSERT INTO messages (folderid) VALUES (1)', table(), 'none', 'none'],
    ['INSERT INTO messages (folderid, ts) VALUES (1, NOW())', table(), 'second', 'none'],
    ['UPDATE messages SET ts = CURRENT_TIMESTAMP WHERE folderid = 1', table(), 'second', 'none'],
    ['DELETE FROM messages WHERE folderid = 1 AND ts < UNIX_TIMESTAMP()', table(), 'second', 'none'],
    ['INSERT INTO messages (folderid, ts) VALUES (1, NOW(3))', table(), 'unsure', 'none'],
    ['INSERT INTO messages (folderid, ts) VALUES (1, UTC_TIMESTAMP(6))', table(), 'unsure', 'none'],
    ['INSERT INTO messages (folderid, ts) VALUES (1, SYSDATE())', table(), 'unsure', 'none'],
    ['INSERT INTO messages (folderid, ts) VALUES (1, UNIX_TIMESTAMP(5))', table(), 'none', 'none'],
    ['INSERT INTO messages (folderid) VALUES (1)', STAMPED, 'second', 'none'],
    ['UPDATE messages SET a = 1 WHERE folderid = 1', STAMPED, 'second', 'none'],
    ['DELETE FROM messages WHERE folderid = 1', STAMPED, 'none', 'none'],
    ['INSERT INTO messages (folderid) VALUES (1)', FINE, 'unsure', 'none'],
    ['INSERT INTO messages (folderid) VALUES (1)', NUMBERED, 'none', 'same'],
    ['INSERT INTO messages (folderid) VALUES (1), (2)', NUMBERED, 'none', 'same'],
    ['REPLACE INTO messages SET folderid = 1', NUMBERED, 'none', 'same'],
    ['INSERT INTO messages SELECT * FROM messages', NUMBERED, 'none', 'unsure'],
    ['INSERT IGNORE INTO messages (folderid) VALUES (1)', NUMBERED, 'none', 'single'],
    ['INSERT INTO messages (id) VALUES (1) ON DUPLICATE KEY UPDATE a = 2', NUMBERED, 'none', 'unsure'],
    ['INSERT DELAYED INTO messages (folderid) VALUES (1)', NUMBERED, 'none', 'unsure'],
    ['UPDATE messages SET a = 1 WHERE folderid = 1', NUMBERED, 'none', 'none'],
    ['INSERT INTO messages (folderid) VALUES (1)', unknownTable('messages', 'folderid'), 'unsure', 'unsure'],
    ['DELETE FROM messages WHERE folderid = 1', unknownTable('messages', 'folderid'), 'none', 'none'],
    ['SELECT NOW() FROM messages', STAMPED, 'none', 'none'],
  ];
  it.each(cases)('%s', (sql, facts, clock, numbers) => {
    expect(replayNeeds(planOf(sql), [facts])).toEqual({ clock, numbers });
  });

  it('is less certain of several rows where MyISAM may number by a prefix of its key', () => {
    const mine = table({ autoIncrement: 'id', transactional: false });
    expect(replayNeeds(planOf('INSERT INTO messages (folderid) VALUES (1)'), [mine]).numbers).toBe('single');
  });
});

describe('the second of the primary’s clock', () => {
  const reading = { offsetMs: 1_000_000_000_000, errorMs: 5 };

  it('is told where none may have begun between sending and answer', () => {
    expect(secondOf(reading, 10, 900)).toBe(1_000_000_000);
    expect(secondOf(reading, 10, 994)).toBe(1_000_000_000);
    expect(secondOf(reading, 10, 996)).toBeNull();
    expect(secondOf(reading, 4, 900)).toBeNull();
    expect(secondOf(null, 10, 20)).toBeNull();
  });
});

describe('a lane’s moment', () => {
  const text = (command: Buffer | null) => command?.toString('latin1', 1) ?? null;

  it('is set where it differs, and given back to the server’s own clock', () => {
    const lane = new LaneMoment();
    const set = (timestamp: number | 'own' | null, insertId: number | bigint = 0) =>
      text(lane.commandFor({ timestamp, insertId, settings: [] }));
    expect(set(null)).toBeNull();
    expect(set('own')).toBeNull();
    expect(set(5)).toBe('SET TIMESTAMP = 5');
    expect(set(5)).toBeNull();
    expect(set(5, 7)).toBe('SET INSERT_ID = 7');
    expect(set(6, 2n ** 63n)).toBe('SET TIMESTAMP = 6, INSERT_ID = 9223372036854775808');
    expect(set(null)).toBeNull();
    expect(set('own')).toBe('SET TIMESTAMP = DEFAULT');
    lane.commandFor({ timestamp: 9, insertId: 0, settings: [] });
    lane.forget();
    expect(set('own')).toBeNull();
  });
});
