/** The small parts: units, the sampler, the catalogue, replayability, straddles and the guard. */
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { Ratios } from '../../src/config/ratios.ts';
import { ShardCatalog } from '../../src/mirror/catalog.ts';
import { GuardedTap } from '../../src/mirror/guarded-tap.ts';
import { schemaOfTables, type TableSchema } from '../../src/mirror/old-schema.ts';
import { type Replayability, replayability } from '../../src/mirror/replayability.ts';
import { RowHash } from '../../src/mirror/row-hash.ts';
import { Sampler } from '../../src/mirror/sampler.ts';
import { PLAIN_BEGINNING } from '../../src/mirror/session-beginning.ts';
import type { Statement } from '../../src/mirror/statement.ts';
import { Straddles } from '../../src/mirror/straddles.ts';
import { tableKey } from '../../src/mirror/table-key.ts';
import type { SessionTap } from '../../src/mirror/tap.ts';
import type { StatementKind } from '../../src/observe/metrics.ts';
import { Exchange } from '../../src/wire/exchange.ts';
import { planOf, replayOf, TABLES, unitOf } from '../harness/mirror-kit.ts';

describe('a unit', () => {
  const write = (key: number) =>
    replayOf('DELETE FROM messages WHERE folderid = 1', { keys: [key], bytes: 10 });
  const read = (rowHash: RowHash | null = null) =>
    replayOf('SELECT * FROM messages WHERE folderid = 9', { keys: [9], bytes: 100, primary: { rowHash } });

  const keyless = () => replayOf('DELETE FROM messages', { keys: [], keysComplete: false });

  it('claims the keys that it changes, each once, beside others on their tables', () => {
    expect(unitOf([write(1), write(2), write(1)]).writes).toEqual({
      keys: ['messages/1', 'messages/2'],
      tables: ['messages'],
      barriers: [],
    });
  });

  it('claims whole tables where keys are not known, and then none of their keys', () => {
    expect(unitOf([write(1), keyless()]).writes).toEqual({ keys: [], tables: [], barriers: ['messages'] });
  });

  it('minds what a read sees only where that is compared', () => {
    expect(unitOf([read()]).writes.keys).toEqual([]);
    expect(unitOf([read(), write(3)]).writes.keys).toEqual(['messages/3']);
    expect(unitOf([read(new RowHash())]).writes.keys).toEqual(['messages/9']);
  });

  it('is a transaction where it has several statements and changes something', () => {
    expect(
      [[write(1)], [read(), read()], [read(), write(1)]].map((replays) => unitOf(replays).transaction),
    ).toEqual([false, false, true]);
  });

  it('weighs what its replays weigh', () => {
    expect(unitOf([write(1), read()]).bytes).toBe(110);
  });
});

describe('the sampler', () => {
  function createSampler(
    ratios: Partial<Ratios>,
    more: { readsByKey?: boolean; compare?: number; dice?: number } = {},
  ) {
    return new Sampler({
      ratios: () => ({ reads: 0, writes: 0, deletes: 0, ...ratios }),
      readsByKey: more.readsByKey ?? false,
      comparePercent: more.compare ?? 0,
      random: () => more.dice ?? 0.5,
    });
  }

  it('has a ratio for each kind, and none for the others', () => {
    const sampler = createSampler({ reads: 1, writes: 2, deletes: 3 });
    const kinds: StatementKind[] = ['read', 'write', 'delete', 'other'];
    expect(kinds.map((kind) => sampler.percent(kind))).toEqual([1, 2, 3, 0]);
  });

  it('follows the ratios as they change', () => {
    let ratios: Ratios = { reads: 0, writes: 0, deletes: 0 };
    const sampler = new Sampler({
      ratios: () => ratios,
      readsByKey: false,
      comparePercent: 0,
      random: () => 0,
    });
    ratios = { reads: 0, writes: 42, deletes: 0 };
    expect(sampler.percent('write')).toBe(42);
  });

  it('picks by key what has one, reads only where told to', () => {
    expect(['read', 'write', 'delete'].map((kind) => createSampler({}).byKey(kind as StatementKind))).toEqual(
      [false, true, true],
    );
    expect(createSampler({}, { readsByKey: true }).byKey('read')).toBe(true);
  });

  it('picks the share of keys that the ratio asks for, and never a key less when it grows', () => {
    const sampler = createSampler({});
    const keys = Array.from({ length: 4000 }, (_, key) => tableKey('messages', String(key)));
    const picked = (percent: number) => keys.filter((key) => sampler.hasKey(key, percent));
    expect([picked(0).length, picked(100).length]).toEqual([0, 4000]);
    expect(picked(25).length / 40).toBeGreaterThan(20);
    expect(picked(25).length / 40).toBeLessThan(30);
    const more = new Set(picked(50));
    expect(picked(25).every((key) => more.has(key))).toBe(true);
    expect(picked(25)).toEqual(picked(25));
  });

  it('picks by dice what has no key', () => {
    const sampler = createSampler({});
    expect([0, 0.2499, 0.25, 0.99].map((dice) => sampler.byDice(25, dice))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect([sampler.byDice(0, 0), sampler.byDice(100, 0.999_999)]).toEqual([false, true]);
  });

  it('compares the share of reads that it is told to', () => {
    expect(createSampler({}, { compare: 0, dice: 0 }).compares()).toBe(false);
    expect(createSampler({}, { compare: 10, dice: 0.09 }).compares()).toBe(true);
    expect(createSampler({}, { compare: 10, dice: 0.1 }).compares()).toBe(false);
  });
});

describe('the catalogue', () => {
  const schemaOf = (...tables: TableSchema[]) => schemaOfTables(tables);
  const messages = (engine: string | null): TableSchema => ({
    name: 'messages',
    engine,
    columns: [
      { name: 'folderid', type: 'bigint' },
      { name: 'type', type: 'tinyint' },
    ],
    primaryKey: ['folderid', 'type'],
  });

  it('knows the configured tables of its own database, before it has seen their schema', () => {
    const catalog = new ShardCatalog(TABLES, 'old');
    expect(catalog.table('old', 'messages')).toMatchObject({
      key: 'folderid',
      columns: null,
      transactional: null,
    });
    expect(catalog.table('old', 'users')).toBeNull();
    expect(catalog.table('other', 'messages')).toBeNull();
    expect(catalog.table(null, 'messages')).toBeNull();
    expect(catalog.table('old', 'constructor')).toBeNull();
    expect(new ShardCatalog(TABLES, null).table('any', 'messages')).not.toBeNull();
    expect(catalog.schemaKnown).toBe(false);
  });

  it.each([
    ['InnoDB', true],
    ['MyISAM', false],
    ['Aria', false],
    ['MEMORY', false],
    [null, null],
  ])('knows by the engine what a rollback undoes: %s', (engine, transactional) => {
    const catalog = new ShardCatalog(TABLES, 'old');
    catalog.learn(schemaOf(messages(engine)));
    expect(catalog.table('old', 'messages')?.transactional).toBe(transactional);
  });

  it('takes every table, with the first column of its primary key, where told "*"', () => {
    const catalog = new ShardCatalog('*', 'old');
    expect(catalog.table('old', 'messages')).toMatchObject({ key: null });
    catalog.learn(
      schemaOf(messages('InnoDB'), { name: 'bare', engine: 'InnoDB', columns: [], primaryKey: [] }),
    );
    expect(catalog.table('old', 'messages')).toMatchObject({
      key: 'folderid',
      columns: ['folderid', 'type'],
    });
    expect(catalog.table('old', 'bare')).toMatchObject({ key: null, transactional: true });
  });

  it('has a new version whenever what it says may have changed, and only then', () => {
    const catalog = new ShardCatalog(TABLES, 'old');
    const versions = [catalog.version];
    const note = (): void => void versions.push(catalog.version);
    catalog.forgetAll();
    note();
    catalog.beginReading();
    catalog.learn(schemaOf(messages('InnoDB')));
    note();
    catalog.learn(schemaOf(messages('InnoDB')));
    note();
    catalog.learn(schemaOf(messages('MyISAM')));
    note();
    catalog.forgetAll();
    note();
    expect(versions.map((version) => version - versions[0]!)).toEqual([0, 0, 1, 1, 2, 3]);
    expect(catalog.table('old', 'messages')?.transactional).toBeNull();
    expect(catalog.schemaKnown).toBe(false);
  });

  it('does not know what a session begins with from a change of global settings to the next reading', () => {
    const catalog = new ShardCatalog(TABLES, 'old');
    const learn = () => catalog.learnBeginning(PLAIN_BEGINNING, 'ANSI');
    const known = () => catalog.beginning.unknown.length === 0 && catalog.quotes !== 'unknown';
    catalog.beginReading();
    learn();
    expect([known(), catalog.sqlMode, catalog.quotes]).toEqual([true, 'ANSI', 'on']);
    catalog.beginReading();
    catalog.forgetBeginning();
    learn();
    expect(known()).toBe(false);
    catalog.beginReading();
    learn();
    expect(known()).toBe(true);
  });

  it('believes that a configured table is gone when several readings miss it, not before', () => {
    const catalog = new ShardCatalog(TABLES, 'old');
    const notes = { ...messages('MyISAM'), name: 'notes' };
    const engine = () => catalog.table('old', 'notes')?.transactional;
    catalog.learn(schemaOf(messages('InnoDB'), notes));
    catalog.learn(schemaOf(messages('InnoDB')));
    expect([engine(), catalog.missing()]).toEqual([false, ['notes']]);
    catalog.learn(schemaOf(messages('InnoDB'), notes));
    expect([engine(), catalog.missing()]).toEqual([false, []]);
    for (let misses = 1; misses <= 4; misses++) catalog.learn(schemaOf(messages('InnoDB')));
    expect(engine()).toBe(false);
    catalog.learn(schemaOf(messages('InnoDB')));
    expect([engine(), catalog.missing()]).toEqual([null, ['notes']]);
  });

  it('forgets the tables that a statement names, and keeps what it knows of the others', () => {
    const catalog = new ShardCatalog('*', 'old');
    const notes = { ...messages('MyISAM'), name: 'notes' };
    catalog.learn(schemaOf(messages('InnoDB'), notes));
    const { version } = catalog;
    catalog.forget(['elsewhere']);
    expect(catalog.version).toBe(version);
    catalog.forget(['messages', 'elsewhere']);
    expect(catalog.version).toBeGreaterThan(version);
    expect(catalog.table('old', 'messages')?.transactional).toBeNull();
    expect(catalog.table('old', 'notes')?.transactional).toBe(false);
  });

  it('does not believe a reading of what changed while it was under way', () => {
    const catalog = new ShardCatalog('*', 'old');
    const notes = { ...messages('MyISAM'), name: 'notes' };
    const engineKnown = (name: string): boolean => catalog.table('old', name)?.transactional !== null;
    catalog.beginReading();
    catalog.forget(['messages']);
    catalog.learn(schemaOf(messages('InnoDB'), notes));
    expect([engineKnown('messages'), engineKnown('notes')]).toEqual([false, true]);
    catalog.beginReading();
    catalog.forgetAll();
    catalog.learn(schemaOf(messages('InnoDB'), notes));
    expect([engineKnown('messages'), engineKnown('notes')]).toEqual([false, false]);
    catalog.beginReading();
    catalog.learn(schemaOf(messages('InnoDB'), notes));
    expect([engineKnown('messages'), engineKnown('notes')]).toEqual([true, true]);
  });

  it('answers with one object for a table, until the version changes', () => {
    const catalog = new ShardCatalog(TABLES, 'old');
    const before = catalog.table('old', 'messages');
    expect(catalog.table('old', 'messages')).toBe(before);
    catalog.learn(schemaOf(messages('InnoDB')));
    expect(catalog.table('old', 'messages')).not.toBe(before);
  });
});

describe('replayability', () => {
  it.each<[Replayability, string]>([
    ['faithful', 'INSERT INTO messages (folderid) VALUES (1)'],
    ['faithful', 'SELECT * FROM messages WHERE folderid = 1'],
    ['faithful', 'DELETE FROM messages WHERE folderid = 1'],
    ['faithful', 'INSERT INTO messages (folderid, ts) VALUES (1, NOW())'],
    ['doubtful', 'INSERT INTO messages (folderid, ts) VALUES (1, UUID())'],
    ['doubtful', 'DELETE FROM messages WHERE folderid = 1 LIMIT 5'],
    ['doubtful', 'INSERT INTO messages SELECT * FROM notes'],
    ['doubtful', 'SELECT NOW(), folderid FROM messages'],
    ['doubtful', 'SELECT folderid FROM messages WHERE folderid = @a'],
    ['doubtful', 'SELECT folderid FROM messages WHERE folderid = LAST_INSERT_ID()'],
    ['faithful', 'UPDATE messages SET v = @a WHERE folderid = 1'],
    ['faithful', 'INSERT INTO messages (folderid) VALUES (LAST_INSERT_ID())'],
    ['never', 'INSERT INTO messages (folderid) VALUES (CONNECTION_ID())'],
    ['never', 'SELECT * FROM messages WHERE folderid = 1 FOR UPDATE'],
    ['never', "SELECT * FROM messages INTO OUTFILE 'x'"],
    ['never', 'SELECT SLEEP(1) FROM messages'],
    ['never', "SELECT GET_LOCK('a', 1) FROM messages"],
    ['never', 'SELECT @a := folderid FROM messages'],
    ['never', 'SELECT our_function(folderid) FROM messages'],
    ['never', "LOAD DATA INFILE 'x' INTO TABLE messages"],
    ['never', 'CALL p()'],
    ['never', "XA START 'x'"],
    ['never', 'CREATE TEMPORARY TABLE messages (a INT)'],
  ])('%s: %s', (expected, text) => {
    expect(replayability(planOf(text))).toBe(expected);
  });
});

describe('straddles', () => {
  const plan = (index: number) => planOf(`SELECT * FROM messages JOIN users${index}`);

  it('are counted by digest, the most frequent first', () => {
    const straddles = new Straddles();
    for (const index of [1, 2, 2, 3, 2, 3]) straddles.add(plan(index));
    expect(straddles.list()).toEqual([
      { digest: plan(2).digest, count: 3 },
      { digest: plan(3).digest, count: 2 },
      { digest: plan(1).digest, count: 1 },
    ]);
  });

  it('are bounded', () => {
    const straddles = new Straddles();
    for (let index = 0; index < 600; index++) straddles.add(plan(index));
    straddles.add(plan(0));
    expect([straddles.list().length, straddles.list()[0]?.count]).toEqual([500, 2]);
  });
});

describe('a guarded tap', () => {
  const exchange = new Exchange<Statement>(3, Buffer.of(3), 1);
  const calls: Readonly<Record<keyof SessionTap, (tap: SessionTap) => void>> = {
    command: (tap) => tap.command(exchange),
    ready: (tap) => tap.ready(),
    reply: (tap) => tap.reply(exchange),
    lostStep: (tap) => tap.lostStep(),
    closed: (tap) => tap.closed([]),
  };
  const names = Object.keys(calls) as (keyof SessionTap)[];

  function createTap(broken: keyof SessionTap | null) {
    const seen: string[] = [];
    const call = (name: keyof SessionTap) => (): void => {
      seen.push(name);
      if (name === broken) throw new Error('a fault of ours');
    };
    const tap = Object.fromEntries(names.map((name) => [name, call(name)])) as unknown as SessionTap;
    return { seen, tap };
  }

  const guard = (tap: SessionTap, seen: string[]): GuardedTap =>
    new GuardedTap(
      tap,
      silentLog(),
      () => seen.push('failed'),
      () => seen.push('unseen'),
    );

  it('passes everything on', () => {
    const { seen, tap } = createTap(null);
    const guarded = guard(tap, seen);
    for (const name of names) calls[name](guarded);
    expect(seen).toEqual(names);
  });

  it('says what must be on record first, also where the tap fails to tell', () => {
    const { seen, tap } = createTap(null);
    for (const owes of [false, true]) expect(guard({ ...tap, ready: () => owes }, seen).ready()).toBe(owes);
    const failing = guard(createTap('ready').tap, seen);
    expect([failing.ready(), failing.ready()]).toEqual([true, false]);
  });

  it.each(names)(
    'keeps a fault in %s from the session, says so once, asks no more than to let go, and tells of what comes later',
    (name) => {
      const { seen, tap } = createTap(name);
      const guarded = guard(tap, seen);
      calls[name](guarded);
      for (const each of names) calls[each](guarded);
      // Before a command that may change anything, and behind it.
      expect(seen).toEqual([name, 'closed', 'failed', 'unseen', 'unseen']);
    },
  );
});
