import { describe, expect, it } from 'vitest';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';

const createJournal = (entriesMax = 100, groupsMax = 100): MemoryJournal =>
  new MemoryJournal({ entriesMax, groupsMax });

describe('the journal in memory', () => {
  it('counts how often each key was noted, by table and reason', () => {
    const journal = createJournal();
    journal.note('messages', '1', 'failed');
    journal.note('messages', '1', 'failed');
    journal.note('messages', '1', 'dropped');
    journal.note('messages', '2', 'failed');
    journal.note('notes', null, 'table');
    expect([...journal.entries()]).toEqual([
      { table: 'messages', key: '1', reason: 'failed', count: 2 },
      { table: 'messages', key: '2', reason: 'failed', count: 1 },
      { table: 'messages', key: '1', reason: 'dropped', count: 1 },
      { table: 'notes', key: null, reason: 'table', count: 1 },
    ]);
    expect([...journal.counts()]).toEqual([
      { table: 'messages', reason: 'failed', count: 2 },
      { table: 'messages', reason: 'dropped', count: 1 },
      { table: 'notes', reason: 'table', count: 1 },
    ]);
    expect([journal.size, journal.reset]).toEqual([4, false]);
  });

  it('tells a whole table from a key of any name', () => {
    const journal = createJournal();
    journal.note('messages', null, 'failed');
    journal.note('messages', 'null', 'failed');
    journal.note('messages', '', 'failed');
    expect([...journal.entries()].map(({ key }) => key)).toEqual([null, 'null', '']);
  });

  it('says that it forgot, once the bound is reached', () => {
    const journal = createJournal(2);
    journal.note('messages', '1', 'failed');
    journal.note('messages', '2', 'failed');
    journal.note('messages', '1', 'failed');
    expect(journal.reset).toBe(false);
    journal.note('messages', '3', 'failed');
    expect([journal.size, journal.reset]).toEqual([2, true]);
  });

  it('bounds the groups too, and says so', () => {
    const journal = createJournal(100, 2);
    journal.note('a', '1', 'failed');
    journal.note('b', '1', 'failed');
    journal.note('a', '2', 'failed');
    expect(journal.reset).toBe(false);
    journal.note('c', '1', 'failed');
    journal.note('d', '1', 'failed');
    expect(journal.reset).toBe(true);
    expect([...journal.counts()].map(({ table, count }) => `${table} ${count}`)).toEqual([
      'a 2',
      'b 1',
      '(others) 1',
    ]);
  });
});
