/** Numbers that servers give out: how they count, who is behind, what is raised, and how it is told. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckedShard } from '../../src/commands/sequences-check.ts';
import { sentencesOf, sequenceLines } from '../../src/commands/sequences-text.ts';
import { configSchema } from '../../src/config/schema.ts';
import { highestOf, lastNumber, nextNumber, ONE_BY_ONE } from '../../src/sync/auto-increment.ts';
import type { Place, Reading, SequenceKind, ServerAnswer } from '../../src/sync/sequence.ts';
import { sequenceId } from '../../src/sync/sequence.ts';
import { planRaises } from '../../src/sync/sequence-bump.ts';
import { explain } from '../../src/sync/sequence-check.ts';
import { type ComparedSequence, compareSequences, faultyPlaces } from '../../src/sync/sequence-comparison.ts';
import { autoIncrementReading, objectReading, rowReading } from '../../src/sync/sequence-reading.ts';
import { type Behind, judge } from '../../src/sync/sequence-verdict.ts';
import { findingsOf } from '../../src/sync/sequence-watch.ts';

const BIGINT = 'bigint(20)';

function column(
  counter: bigint | null,
  highest: bigint | null,
  columnType = BIGINT,
  step = ONE_BY_ONE,
): Reading {
  return autoIncrementReading({ counter, highest, columnType, step });
}

const sequenceOf = (kind: SequenceKind, table = 't', part = kind === 'object' ? '' : 'id') => ({
  ...{ kind, database: null, table, part },
});

function answer(...readings: readonly (readonly [SequenceKind, Reading, table?: string])[]): ServerAnswer {
  const named = readings.map(([kind, reading, table]) => ({ sequence: sequenceOf(kind, table), reading }));
  return {
    type: 'read',
    faults: [],
    sequences: new Map(named.map((one) => [sequenceId(one.sequence), one])),
  };
}

/** One column's comparison, where only these servers have it. */
function compared(
  readings: Partial<Record<Place, Reading>>,
  kind: SequenceKind = 'auto_increment',
): ComparedSequence {
  const answers = new Map(
    (Object.entries(readings) as [Place, Reading][]).map(([place, reading]) => [
      place,
      answer([kind, reading]),
    ]),
  );
  const [first] = compareSequences({ latest: answers, noted: answers, someStay: false });
  if (first === undefined) throw new Error('nothing was compared');
  return first;
}

describe('how a server counts', () => {
  it('gives out the next of its own series, and has given out the one before', () => {
    fc.assert(
      fc.property(
        fc.bigInt(1n, 2n ** 64n),
        fc.bigInt(1n, 65_535n),
        fc.bigInt(1n, 65_535n),
        (counter, increment, offset) => {
          const phase = offset > increment ? 0n : offset % increment;
          const next = nextNumber(counter, { increment, offset });
          const last = lastNumber(counter, { increment, offset });
          expect(next).toBeGreaterThanOrEqual(counter);
          expect(next - counter).toBeLessThan(increment);
          expect(next % increment).toBe(phase % increment);
          expect(last === 0n ? next - increment <= 0n : last === next - increment).toBe(true);
          expect(last).toBeLessThan(counter);
        },
      ),
    );
  });

  it.each([
    ['tinyint(4)', 127n],
    ['TINYINT UNSIGNED', 255n],
    ['smallint(5) unsigned zerofill', 65_535n],
    ['mediumint', 8_388_607n],
    ['int(11)', 2_147_483_647n],
    ['int(10) unsigned zerofill', 4_294_967_295n],
    ['bigint', 9_223_372_036_854_775_807n],
    ['bigint(20) unsigned', 18_446_744_073_709_551_615n],
    ['float', 16_777_216n],
    ['double', 9_007_199_254_740_992n],
    ['decimal(20,0)', 99_999_999_999_999_999_999n],
  ])('%s ends at %s', (type, highest) => {
    expect(highestOf(type)).toBe(highest);
  });

  it('an empty table of MySQL’s says nothing of its counter', () => {
    expect(column(null, null)).toMatchObject({ next: 1n, given: 0n, held: null });
    expect(column(null, 7n)).toMatchObject({ next: 8n, given: 7n, held: 7n });
  });

  it('has given out what was deleted since', () => {
    expect(column(11n, 7n)).toMatchObject({ next: 11n, given: 10n, held: 7n });
  });

  it('does not believe a row above its counter to be one that it will pass over', () => {
    expect(column(8n, 20n)).toMatchObject({ next: 8n, given: 20n });
  });

  it('never gives out more than its column holds', () => {
    expect(column(300n, 127n, 'tinyint')).toMatchObject({ given: 127n, limit: 127n });
  });

  it('takes negative numbers for none', () => {
    expect(column(1n, -5n)).toMatchObject({ next: 1n, given: 0n, held: null });
  });
});

describe('a SEQUENCE', () => {
  const figures = {
    ...{ nextNotCached: 1001n, minimum: 1n, maximum: 9_000n, increment: 1n, cache: 1000n, cycles: false },
    step: { increment: 5n, offset: 2n },
  };

  it('of the new primary may have any of its cached numbers still to give; elsewhere they count as given', () => {
    expect(objectReading(figures, 'new')).toMatchObject({ next: 1n, given: 1000n, limit: 9000n });
    expect(objectReading({ ...figures, nextNotCached: 5001n }, 'new')).toMatchObject({ next: 4001n });
    expect(objectReading(figures, 'old')).toMatchObject({ next: 1001n, given: 1000n });
    expect(objectReading(figures, 'new_replica')).toMatchObject({ next: 1001n });
  });

  it('counts by the server’s step where its own is 0', () => {
    expect(objectReading({ ...figures, increment: 0n, cache: 0n }, 'new')).toMatchObject({ given: 996n });
  });

  it('can’t be compared where it counts downwards or begins again', () => {
    expect(objectReading({ ...figures, increment: -1n }, 'old').type).toBe('incomparable');
    expect(objectReading({ ...figures, cycles: true }, 'old').type).toBe('incomparable');
  });
});

describe('who is behind whom', () => {
  it('the new side by what old has given out, also what its replica has', () => {
    const both = { old: column(11n, 10n), old_replica: column(14n, 13n), new: column(8n, 7n) };
    expect(compared(both).verdicts.new).toEqual({
      ...{ type: 'behind', by: 6n, byRows: 6n, of: 'old_replica', next: 8n, given: 13n, why: null },
    });
    expect(compared({ ...both, new: column(14n, 7n) }).verdicts.new).toEqual({ type: 'in_order' });
  });

  it('a replica by what its own primary has given out', () => {
    const { verdicts } = compared({
      old: column(11n, 10n),
      old_replica: column(9n, 8n),
      new: column(11n, 10n),
    });
    expect(verdicts.old_replica).toMatchObject({ type: 'behind', by: 2n, of: 'old' });
    expect(verdicts.new).toEqual({ type: 'in_order' });
    expect(verdicts.old).toBeUndefined();
    const fresh = compared({ old: column(5n, 4n), new: column(11n, 10n), new_replica: column(9n, 8n) });
    expect(fresh.verdicts.new_replica).toMatchObject({ type: 'behind', by: 2n, of: 'new' });
  });

  it('tells how much of it is in rows', () => {
    const { verdicts } = compared({ old: column(101n, 60n), new: column(51n, 50n) });
    expect(verdicts.new).toMatchObject({ by: 50n, byRows: 10n });
    const deleted = compared({ old: column(101n, 50n), new: column(51n, 50n) });
    expect(deleted.verdicts.new).toMatchObject({ by: 50n, byRows: 0n });
    expect(sentencesOf(deleted)).toEqual([
      'new is behind old by 50: its next number is 51, and old has given out 100 (none of these numbers is in a row there now)',
    ]);
  });

  it('servers that share the numbers out are not behind by less than a step', () => {
    const step = (offset: bigint) => ({ increment: 2n, offset });
    const old = column(11n, 9n, BIGINT, step(1n));
    expect(compared({ old, old_replica: column(10n, 9n, BIGINT, step(2n)) }).verdicts.old_replica).toEqual({
      type: 'in_order',
    });
    const late = column(8n, 7n, BIGINT, step(2n));
    expect(compared({ old, old_replica: late }).verdicts.old_replica).toMatchObject({
      type: 'behind',
      by: 2n,
    });
  });

  it('nothing is above the last number of a type', () => {
    const used = compared({ old: column(127n, 127n, 'tinyint'), new: column(127n, 127n, 'tinyint') });
    expect(used.verdicts.new).toMatchObject({ type: 'used_up', given: 127n, limit: 127n });
    const narrow = compared({ old: column(300n, 299n, 'int'), new: column(5n, 4n, 'tinyint') });
    expect(narrow.verdicts.new).toMatchObject({ type: 'used_up', given: 299n, limit: 127n });
    expect(faultyPlaces(narrow)).toEqual(['new']);
  });

  it('near the end of BIGINT UNSIGNED every digit counts', () => {
    const last = 18_446_744_073_709_551_614n;
    const { verdicts } = compared({
      old: column(last, last - 1n, 'bigint unsigned'),
      new: column(last - 1n, last - 2n, 'bigint unsigned'),
    });
    expect(verdicts.new).toMatchObject({ type: 'behind', by: 1n, given: last - 1n });
  });

  it('what one side has not is missing there, and told of nobody else', () => {
    const answers = new Map<Place, ServerAnswer>([
      ['old', answer(['auto_increment', column(5n, 4n)])],
      ['new', answer()],
      ['new_replica', answer()],
    ]);
    const [one] = compareSequences({ latest: answers, noted: answers, someStay: false });
    expect(one?.verdicts).toEqual({ new: { type: 'missing', of: 'old' } });
  });

  it('a SEQUENCE that stays is none of ours', () => {
    const reading = rowReading(5n, BIGINT);
    const answers = new Map<Place, ServerAnswer>([
      ['old', answer(['object', reading], ['auto_increment', reading])],
      ['new', answer()],
    ]);
    const kinds = (someStay: boolean) =>
      compareSequences({ latest: answers, noted: answers, someStay }).map(({ sequence }) => sequence.kind);
    expect(kinds(false).sort()).toEqual(['auto_increment', 'object']);
    expect(kinds(true)).toEqual(['auto_increment']);
  });

  it('a server that can’t be asked says nothing of the others', () => {
    const answers = new Map<Place, ServerAnswer>([
      ['old', { type: 'unreachable', reason: 'gone' }],
      ['new', answer(['auto_increment', column(5n, 4n)])],
    ]);
    const [one] = compareSequences({ latest: answers, noted: answers, someStay: false });
    expect(one?.verdicts).toEqual({});
  });

  it('what counts by itself for each prefix is no fault, and what can’t be read is one', () => {
    const prefixed: Reading = { type: 'incomparable', why: 'is counted by itself' };
    expect(faultyPlaces(compared({ old: prefixed, new: column(1n, null) }))).toEqual([]);
    const hidden: Reading = { type: 'unreadable', reason: 'denied' };
    expect(faultyPlaces(compared({ old: hidden, new: column(1n, null) }))).toEqual(['old', 'new']);
    expect(judge('new', column(1n, null), [])).toBeNull();
  });

  it('the reference is what was noted, the subject what is said now', () => {
    const noted = new Map([
      ['old', answer(['auto_increment', column(11n, 10n)])],
      ['new', answer(['auto_increment', column(8n, 7n)])],
    ] as const);
    const latest = new Map<Place, ServerAnswer>([
      ['old', answer(['auto_increment', column(99n, 98n)])],
      ['new', answer(['auto_increment', column(11n, 10n)])],
    ]);
    expect(compareSequences({ latest, noted, someStay: false })[0]?.verdicts.new?.type).toBe('in_order');
  });
});

describe('what a replica’s replication says', () => {
  const behind: Behind = {
    ...{ type: 'behind', by: 3n, byRows: 3n, of: 'old', next: 8n, given: 10n, why: null },
  };
  it.each([
    [{ type: 'running', lagSeconds: 30 }, 'lagging', undefined],
    [
      { type: 'running', lagSeconds: 3 },
      'behind',
      'its replication runs, 3 s behind, and has not brought them',
    ],
    [{ type: 'stopped', why: 'its SQL thread does not run' }, 'behind', 'its SQL thread does not run'],
    [{ type: 'none' }, 'behind', 'it follows no server'],
    [{ type: 'unknown', reason: 'denied' }, 'behind', "how far its replication is can't be asked (denied)"],
  ] as const)('%j: %s', (state, type, why) => {
    const verdict = explain(behind, state, 3.2);
    expect(verdict.type).toBe(type);
    expect('why' in verdict ? verdict.why : undefined).toBe(why);
  });
});

describe('raising', () => {
  const targets = (readings: Partial<Record<Place, Reading>>, margin = 0n, kind?: SequenceKind) =>
    planRaises([compared(readings, kind)], margin).map(({ from, to }) => [from, to]);

  it('goes just above the old side, and by the margin above that', () => {
    const both = { old: column(11n, 10n), new: column(8n, 7n) };
    expect(targets(both)).toEqual([[8n, 11n]]);
    expect(targets(both, 100n)).toEqual([[8n, 111n]]);
    expect(targets({ ...both, old_replica: column(21n, 10n) })).toEqual([[8n, 21n]]);
  });

  it('never lowers, and leaves alone what is high enough', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 1000n), fc.bigInt(1n, 1000n), fc.bigInt(0n, 50n), (old, fresh, margin) => {
        const [raise] = targets({ old: column(old, null), new: column(fresh, null) }, margin);
        if (fresh >= old + margin) expect(raise).toBeUndefined();
        else expect(raise).toEqual([fresh, old + margin]);
      }),
    );
  });

  it('stops at the end of the column', () => {
    expect(targets({ old: column(300n, 299n, 'int'), new: column(5n, 4n, 'tinyint') })).toEqual([[5n, 127n]]);
    expect(targets({ old: column(300n, 299n, 'int'), new: column(127n, 127n, 'tinyint') })).toEqual([]);
  });

  it('makes a row that is not there, but no column, and nothing on a server that did not answer', () => {
    const planned = (kind: SequenceKind, fresh: ServerAnswer) => {
      const answers = new Map<Place, ServerAnswer>([
        ['old', answer([kind, rowReading(7n, BIGINT)])],
        ['new', fresh],
      ]);
      return planRaises(compareSequences({ latest: answers, noted: answers, someStay: false }), 0n);
    };
    expect(planned('row', answer())).toMatchObject([{ from: null, to: 8n }]);
    expect(planned('auto_increment', answer())).toEqual([]);
    expect(planned('row', { type: 'unreachable', reason: 'gone' })).toEqual([]);
  });

  it('does nothing where the old primary did not say', () => {
    expect(targets({ old_replica: column(8n, 7n), new: column(1n, null) })).toEqual([]);
  });
});

describe('as text', () => {
  const readings = { old: column(11n, 10n), new: column(8n, null), new_replica: column(8n, null) };
  const shard: CheckedShard = {
    name: 's00',
    places: ['old', 'old_replica', 'new', 'new_replica'],
    check: {
      answers: new Map<Place, ServerAnswer>([
        ['old', answer(['auto_increment', readings.old])],
        ['old_replica', { type: 'unreachable', reason: 'gone' }],
        ['new', answer(['auto_increment', readings.new])],
        ['new_replica', answer(['auto_increment', readings.new_replica])],
      ]),
      sequences: [compared(readings)],
    },
    raised: ['raised t.id from 8 to 11'],
    faults: [],
    misconfigured: false,
  };

  it('a table on a terminal', () => {
    expect(sequenceLines(shard, true)).toEqual([
      's00: raised t.id from 8 to 11',
      'shard s00: next number / highest in a row',
      'SEQUENCE  OLD      OLD REPLICA  NEW    NEW REPLICA  STATE',
      't.id      11 / 10  ?            8 / -  8 / -        new is behind',
      '  t.id: new is behind old by 3: its next number is 8, and old has given out 10',
    ]);
  });

  it('plain lines otherwise', () => {
    expect(sequenceLines(shard, false)).toEqual([
      's00: raised t.id from 8 to 11',
      's00 t.id: new is behind (next / highest in a row: old 11 / 10, old replica ?, new 8 / -, new replica 8 / -)',
      's00 t.id: new is behind old by 3: its next number is 8, and old has given out 10',
    ]);
  });
});

describe('as metrics', () => {
  it('has the furthest of a table for each server, and 1 for what has no number', () => {
    const answers = new Map<Place, ServerAnswer>([
      ['old', answer(['row', rowReading(9n, BIGINT), 'a'], ['row', rowReading(5n, BIGINT), 'b'])],
      ['new', answer(['row', rowReading(7n, BIGINT), 'a'])],
      ['new_replica', { type: 'unreachable', reason: 'gone' }],
    ]);
    const sequences = compareSequences({ latest: answers, noted: answers, someStay: false });
    const { figures, servers } = findingsOf({ answers, sequences });
    expect(figures).toEqual([
      { table: 'a', server: 'new', behind: 2, behindRows: 2 },
      { table: 'b', server: 'new', behind: 1, behindRows: 1 },
    ]);
    expect([...servers]).toEqual([
      ['old', true],
      ['new', true],
      ['new_replica', false],
    ]);
  });
});

describe('the configuration', () => {
  const SHARD = { name: 's00', port: 3400, old: { host: 'a', port: 1 }, new: { host: 'b', port: 2 } };
  const parse = (sequences: unknown) =>
    configSchema.safeParse({ service: 'test', tables: '*', shards: [SHARD], sequences });

  it('has its defaults', () => {
    expect(parse(undefined).data?.sequences).toEqual({
      ...{ tables: {}, intervalMs: 300_000, graceMs: 3000, timeoutMs: 5000 },
    });
    expect(parse({ tables: { s: {} } }).data?.sequences.tables).toEqual({
      s: { name: 'name', value: 'value' },
    });
    expect(parse({ tables: { s: { name: null } }, intervalMs: 0 }).success).toBe(true);
  });

  it.each([
    [{ intervalMs: 5 }],
    [{ tables: { s: { column: 'x' } } }],
    [{ tables: ['s'] }],
    [{ every: '1m' }],
  ])('refuses %j', (sequences) => {
    expect(parse(sequences).success).toBe(false);
  });
});
