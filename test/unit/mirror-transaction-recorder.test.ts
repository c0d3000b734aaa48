/** Scripted sessions: what is offered, counted and doubted, each selected statement once under one outcome. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Statement } from '../../src/mirror/statement.ts';
import { TransactionRecorder } from '../../src/mirror/transaction-recorder.ts';
import type { Unit } from '../../src/mirror/unit.ts';
import { WritesUnderWay } from '../../src/mirror/writes-under-way.ts';
import type { ShardMetrics } from '../../src/observe/metrics.ts';
import type { ResultSummary } from '../../src/wire/exchange.ts';
import { FakeJournal } from '../harness/fake-journal.ts';
import { KeptIncidents } from '../harness/kept-incidents.ts';
import {
  errorResult,
  okResult,
  outcomesOf,
  plainOf,
  recording,
  STATUS_OPEN,
  type StatementShape,
  selectedStatement,
  shardMetrics,
  skippedStatement,
  unsampledStatement,
} from '../harness/mirror-kit.ts';

const INSERT = 'INSERT INTO messages (folderid) VALUES (1)';
const OPEN = okResult({ status: STATUS_OPEN });
const CLOSED = okResult();
const AT_ONCE = { seconds: 0, sentAtMs: 0, answeredAtMs: 0 };
const TIMING = { seconds: 0.001, sentAtMs: 4, answeredAtMs: 5 };
/** Autocommit off, and no transaction open. */
const OFF = okResult({ status: 0 });
const OFF_OPEN = okResult({ status: 1 });

class Rig {
  readonly metrics: ShardMetrics = shardMetrics();
  readonly incidents = new KeptIncidents();
  readonly units: Unit[] = [];
  readonly doubts: string[] = [];
  readonly recorder: TransactionRecorder;
  readonly journal = new FakeJournal();
  readonly writes = new WritesUnderWay(this.journal);

  constructor(options: { unitBytes?: number; initialStatus?: number } = {}) {
    const recorded = recording({
      writes: this.writes,
      unitBytes: options.unitBytes ?? 1_000_000,
      metrics: this.metrics,
      incidents: this.incidents,
      offer: (unit) => this.units.push(unit),
      doubt: (tables, keys, complete, reason) => {
        const touched = keys.map(({ table, key }) => `${table}/${key}`);
        this.doubts.push(
          `${reason} ${touched.join(',') || tables.join(',')}${complete ? '' : ' incomplete'}`,
        );
      },
    });
    this.recorder = new TransactionRecorder(recorded, options.initialStatus ?? 2);
  }

  say(text: string, result: ResultSummary): void {
    this.recorder.answered(plainOf(text), result, TIMING);
  }

  /** A selected write of `keys`. */
  write(keys: readonly number[], result: ResultSummary, shape: StatementShape = {}): Statement {
    const statement = selectedStatement(INSERT, { keys, ...shape });
    statement.span = this.writes.sent(statement.target!, this.recorder);
    this.recorder.answered(statement, result, TIMING);
    return statement;
  }

  /** The keys of the units that were offered. */
  get offered(): string[][] {
    return this.units.map((unit) => unit.replays.flatMap(({ keys }) => keys.map(({ key }) => key)));
  }

  get outcomes(): Record<string, number> {
    return outcomesOf(this.metrics);
  }
}

describe('statements outside a transaction', () => {
  it('are offered at once, each as a unit', () => {
    const rig = new Rig();
    rig.write([1], CLOSED);
    rig.write([2, 3], CLOSED);
    expect(rig.offered).toEqual([['1'], ['2', '3']]);
    expect(rig.units[1]).toMatchObject({ transaction: false, answeredAtMs: 5 });
    expect(rig.units[1]?.writes.keys).toEqual(['messages/2', 'messages/3']);
    expect([rig.outcomes, rig.doubts]).toEqual([{}, []]);
  });

  it('stay in the written log until their replay is over, an answer of the primary is not enough', () => {
    const rig = new Rig();
    const statement = rig.write([1], CLOSED);
    expect(rig.units).toHaveLength(1);
    expect([rig.journal.pending, rig.journal.log.includes('release')]).toEqual([1, false]);
    rig.writes.settled(statement.span!);
    expect(rig.journal.pending).toBe(0);
  });

  it('of rows that the server numbers go on under the keys that it gave out', () => {
    const rig = new Rig();
    rig.write([], okResult({ insertId: 7 }), { numbered: { rows: 2, step: 5 } });
    rig.write([], okResult({ insertId: 0 }), { numbered: { rows: 1, step: 1 } });
    expect(rig.offered).toEqual([['7', '12'], []]);
    expect(rig.units.map(({ writes }) => writes)).toEqual([
      { keys: ['messages/7', 'messages/12'], tables: ['messages'], barriers: [] },
      { keys: [], tables: [], barriers: ['messages'] },
    ]);
  });

  it('carry to their replay what the primary answered', () => {
    const rig = new Rig();
    rig.write([1], okResult({ affectedRows: 7, rows: 3 }), { draft: { affected: { of: 'changed' } } });
    expect(rig.units[0]?.replays[0]).toMatchObject({
      kind: 'write',
      tables: ['messages'],
      keysComplete: true,
      primary: { seconds: 0.001, rows: 3, affected: { rows: 7, slack: 0 } },
    });
  });

  it('are counted as failed where they failed; without transactions some rows may have changed', () => {
    const rig = new Rig();
    rig.write([1], errorResult(1062));
    rig.write([2], errorResult(1062), { transactional: 'no' });
    rig.write([3], errorResult(1062), { transactional: 'unknown' });
    expect(rig.outcomes).toEqual({ skipped_failed: 3 });
    expect(rig.doubts).toEqual(['partial messages/2', 'partial messages/3']);
    expect(rig.units).toEqual([]);
  });

  it('are doubted where the ratio left them out, in whole or in part', () => {
    const rig = new Rig();
    rig.recorder.answered(unsampledStatement(INSERT, { keys: [1] }), CLOSED, AT_ONCE);
    rig.write([2], CLOSED, { leftOut: [3] });
    expect(rig.doubts).toEqual(['not_sampled messages/1', 'not_sampled messages/3']);
    expect(rig.offered).toEqual([['2']]);
    expect(rig.metrics.unsampled.totals()).toMatchObject({ write: 1 });
  });

  it('are counted under their own outcome where they can’t be replayed', () => {
    const rig = new Rig();
    rig.recorder.answered(skippedStatement(INSERT, 'skipped_unsupported', { keys: [1] }), CLOSED, AT_ONCE);
    rig.recorder.answered(skippedStatement(INSERT, 'skipped_straddle', { keys: [2] }), CLOSED, AT_ONCE);
    rig.recorder.answered(
      skippedStatement(INSERT, 'dropped_too_large', { keys: [], keysComplete: false }),
      CLOSED,
      AT_ONCE,
    );
    expect(rig.outcomes).toEqual({ skipped_unsupported: 1, skipped_straddle: 1, dropped_too_large: 1 });
    expect(rig.doubts).toEqual(['hazard messages/1', 'hazard messages/2', 'dropped messages incomplete']);
    expect(rig.incidents.counts()).toEqual({ too_large: 1 });
  });

  it('are doubted though replayed where the shadow may do otherwise', () => {
    const rig = new Rig();
    rig.write([1], CLOSED, { draft: { doubtful: true } });
    rig.write([2], okResult({ insertId: 5 }));
    expect(rig.offered).toEqual([['1'], ['2']]);
    expect(rig.doubts).toEqual(['hazard messages/1', 'hazard messages/2']);
  });

  it('are replayed without a number set where they bring their own, though the server names it', () => {
    const rig = new Rig();
    rig.write([1], okResult({ insertId: 1 }), { draft: { bringsNumbers: true } });
    rig.write([2], okResult({ insertId: 2 }), { draft: { sameNumbers: true } });
    expect(rig.units.flatMap(({ replays }) => replays.map(({ moment }) => moment.insertId))).toEqual([0, 2]);
    expect(rig.doubts).toEqual([]);
  });

  it('that touch no moved table are nobody’s matter', () => {
    const rig = new Rig();
    rig.say('UPDATE users SET a = 1', CLOSED);
    rig.say('UPDATE users SET a = 1', errorResult(1062));
    expect([rig.units, rig.outcomes, rig.doubts]).toEqual([[], {}, []]);
  });

  it('that are reads are never doubted', () => {
    const rig = new Rig();
    const read = 'SELECT * FROM messages WHERE folderid = 1';
    rig.recorder.answered(unsampledStatement(read), CLOSED, AT_ONCE);
    rig.recorder.answered(skippedStatement(read, 'skipped_unsupported'), CLOSED, AT_ONCE);
    rig.recorder.answered(selectedStatement(read), errorResult(1064), AT_ONCE);
    expect(rig.doubts).toEqual([]);
    expect(rig.outcomes).toEqual({ skipped_unsupported: 1, skipped_failed: 1 });
    expect(rig.metrics.unsampled.totals()).toMatchObject({ read: 1 });
  });
});

describe('a transaction', () => {
  it('is offered as one unit once it is committed', () => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.write([1], OPEN);
    rig.write([2], OPEN);
    expect([rig.units.length, rig.recorder.inTransaction]).toEqual([0, true]);
    rig.say('COMMIT', CLOSED);
    expect(rig.offered).toEqual([['1', '2']]);
    expect([rig.units[0]?.transaction, rig.recorder.inTransaction]).toEqual([true, false]);
    expect(rig.outcomes).toEqual({});
  });

  it('that is rolled back is counted, and never offered', () => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.write([1], OPEN);
    rig.write([2], OPEN, { transactional: 'unknown' });
    rig.recorder.answered(unsampledStatement(INSERT, { keys: [3] }), OPEN, AT_ONCE);
    rig.say('ROLLBACK', CLOSED);
    expect(rig.outcomes).toEqual({ skipped_rolled_back: 2 });
    // What is left of a table of unknown sort is not known.
    expect(rig.doubts).toEqual(['uncertain messages/2']);
    expect(rig.units).toEqual([]);
  });

  it('keeps what stood before a savepoint', () => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.write([1], OPEN);
    rig.say('SAVEPOINT a', OPEN);
    rig.write([2], OPEN);
    rig.say('ROLLBACK TO A', OPEN);
    rig.write([3], OPEN);
    rig.say('COMMIT', CLOSED);
    expect(rig.offered).toEqual([['1', '3']]);
    expect(rig.outcomes).toEqual({ skipped_rolled_back: 1 });
  });

  it('is uncertain once a savepoint is rolled back to that is not known', () => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.write([1], OPEN);
    rig.say('ROLLBACK TO nowhere', OPEN);
    rig.write([2], OPEN);
    rig.say('COMMIT', CLOSED);
    expect(rig.offered).toEqual([['2']]);
    expect([rig.outcomes, rig.doubts]).toEqual([{ skipped_uncertain: 1 }, ['uncertain messages/1']]);
  });

  it('loses nothing by a savepoint statement that failed', () => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.say('SAVEPOINT a', OPEN);
    rig.write([1], OPEN);
    rig.say('ROLLBACK TO a', errorResult(1305));
    rig.say('COMMIT', CLOSED);
    expect(rig.offered).toEqual([['1']]);
  });

  it('lets go at once of what a rollback could not undo', () => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.write([1], OPEN, { transactional: 'no' });
    expect(rig.offered).toEqual([['1']]);
    rig.say('ROLLBACK', CLOSED);
    expect([rig.outcomes, rig.doubts]).toEqual([{}, []]);
  });

  it('that a statement committed by itself goes before that statement', () => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.write([1], OPEN);
    rig.recorder.answered(
      selectedStatement('TRUNCATE messages', { keys: [], keysComplete: false }),
      CLOSED,
      AT_ONCE,
    );
    expect(rig.units.map((unit) => unit.replays.map(({ kind }) => kind))).toEqual([['write'], ['delete']]);
  });

  it('that a deadlock ended is rolled back, and what comes next stands alone', () => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.write([1], OPEN);
    rig.write([2], errorResult(1213));
    rig.write([3], CLOSED);
    expect(rig.offered).toEqual([['3']]);
    expect(rig.outcomes).toEqual({ skipped_rolled_back: 1, skipped_failed: 1 });
  });

  it('goes on after a statement in it failed', () => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.write([1], OPEN);
    rig.write([2], errorResult(1062));
    rig.say('COMMIT', CLOSED);
    expect(rig.offered).toEqual([['1']]);
    expect(rig.outcomes).toEqual({ skipped_failed: 1 });
  });

  it('with autocommit off ends with COMMIT, and with autocommit on again', () => {
    const rig = new Rig({ initialStatus: 0 });
    rig.write([1], OFF_OPEN);
    rig.say('COMMIT', OFF);
    rig.write([2], OFF_OPEN);
    expect(rig.offered).toEqual([['1']]);
    rig.recorder.answered(
      plainOf('SET autocommit = 1', { effects: [{ what: 'autocommit' }] }),
      CLOSED,
      AT_ONCE,
    );
    expect(rig.offered).toEqual([['1'], ['2']]);
  });

  it('that a procedure ran in is uncertain, even where one is open afterwards', () => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.write([1], OPEN);
    rig.say('CALL p()', OPEN);
    rig.write([2], OPEN);
    rig.say('ROLLBACK', CLOSED);
    expect(rig.outcomes).toEqual({ skipped_uncertain: 1, skipped_rolled_back: 1 });
    expect(rig.doubts).toEqual(['uncertain messages/1']);
  });

  it('that is too large is dropped whole, and each of its statements doubted', () => {
    const rig = new Rig({ unitBytes: 1400 });
    rig.say('BEGIN', OPEN);
    for (const key of [1, 2, 3, 4]) rig.write([key], OPEN);
    rig.say('COMMIT', CLOSED);
    expect(rig.units).toEqual([]);
    expect(rig.outcomes).toEqual({ dropped_too_large: 4 });
    expect(rig.doubts).toEqual([1, 2, 3, 4].map((key) => `dropped messages/${key}`));
    expect(rig.incidents.counts()).toEqual({ too_large: 4 });
    rig.say('BEGIN', OPEN);
    rig.write([5], OPEN);
    rig.say('COMMIT', CLOSED);
    expect(rig.offered).toEqual([['5']]);
  });
});

describe('a doubt that is noted before its transaction ends keeps its key under way until then', () => {
  /** What the journal is told to keep: of each write in the transaction, and of what can't be seen into. */
  const pending = (act: (rig: Rig) => void, options = {}): number[] => {
    const rig = new Rig(options);
    rig.say('BEGIN', OPEN);
    act(rig);
    const open = rig.journal.pending;
    rig.say('COMMIT', CLOSED);
    expect(rig.units).toEqual([]);
    return [rig.doubts.length, open, rig.journal.pending];
  };

  it('of one that is too large', () => {
    const writeAll = (rig: Rig): void => {
      for (const key of [1, 2, 3, 4]) rig.write([key], OPEN);
    };
    expect(pending(writeAll, { unitBytes: 1400 })).toEqual([4, 4, 0]);
  });

  it('of one that was rolled back to a savepoint that is not known', () => {
    const rollBack = (rig: Rig): void => {
      rig.write([1], OPEN);
      rig.say('ROLLBACK TO unknown', OPEN);
    };
    expect(pending(rollBack)).toEqual([1, 1, 0]);
  });

  it('of one that may have failed half-way', () => {
    const fail = (rig: Rig): void => void rig.write([1], errorResult(1062), { transactional: 'unknown' });
    expect(pending(fail)).toEqual([1, 1, 0]);
  });

  it('of what can’t be seen into, once for all of it', () => {
    const call = (rig: Rig): void => {
      rig.say('CALL p()', OPEN);
      rig.recorder.unseen();
      rig.recorder.unseen();
      expect(rig.journal.log).toContain('written */*');
    };
    expect(pending(call)).toEqual([0, 1, 0]);
  });

  it('and no longer, however it ends', () => {
    const ends: readonly ((rig: Rig) => void)[] = [
      (rig) => rig.say('ROLLBACK', CLOSED),
      (rig) => rig.say('COMMIT AND CHAIN', OPEN),
      (rig) => rig.write([1], errorResult(1213)),
      (rig) => rig.recorder.closed([]),
      (rig) => rig.recorder.lostTrack([], 2),
    ];
    for (const end of ends) {
      const rig = new Rig({ unitBytes: 1400 });
      rig.say('BEGIN', OPEN);
      for (const key of [1, 2, 3, 4]) rig.write([key], OPEN);
      expect(rig.journal.pending).toBe(4);
      end(rig);
      expect(rig.journal.pending).toBe(0);
    }
  });

  it('outside of one nothing is kept', () => {
    const rig = new Rig();
    rig.write([1], errorResult(1062), { transactional: 'unknown' });
    rig.recorder.unseen();
    expect([rig.doubts, rig.journal.pending]).toEqual([['partial messages/1'], 0]);
  });
});

describe('the end of a session', () => {
  const opened = (): Rig => {
    const rig = new Rig();
    rig.say('BEGIN', OPEN);
    rig.write([1], OPEN);
    return rig;
  };

  it('rolls back what is open', () => {
    const rig = opened();
    rig.recorder.closed([]);
    expect([rig.outcomes, rig.doubts]).toEqual([{ skipped_rolled_back: 1 }, []]);
    rig.recorder.closed([]);
    expect(rig.outcomes).toEqual({ skipped_rolled_back: 1 });
  });

  it.each<[string, StatementShape]>([
    ['COMMIT', {}],
    ['BEGIN', {}],
    ['CREATE TABLE t (a INT)', {}],
    ['CALL p()', {}],
    ['SET autocommit = 1', { effects: [{ what: 'autocommit' }] }],
  ])('leaves it uncertain with %s under way', (text, shape) => {
    const rig = opened();
    rig.recorder.closed([plainOf(text, shape)]);
    expect([rig.outcomes, rig.doubts]).toEqual([{ skipped_uncertain: 1 }, ['uncertain messages/1']]);
  });

  it('leaves it uncertain with a command under way that could not be read', () => {
    const rig = opened();
    rig.recorder.closed([{ ...plainOf('SELECT 1'), plan: null }]);
    expect(rig.outcomes).toEqual({ skipped_uncertain: 1 });
  });

  it('is certain of a rollback under way', () => {
    const rig = opened();
    rig.recorder.closed([plainOf('ROLLBACK')]);
    expect(rig.outcomes).toEqual({ skipped_rolled_back: 1 });
  });

  it('leaves uncertain what had no answer', () => {
    const rig = new Rig();
    rig.recorder.closed([
      selectedStatement(INSERT, { keys: [7] }),
      unsampledStatement(INSERT, { keys: [8] }),
      selectedStatement('SELECT * FROM messages'),
      plainOf('SELECT 1'),
    ]);
    expect(rig.outcomes).toEqual({ skipped_uncertain: 2 });
    expect(rig.doubts).toEqual(['uncertain messages/7', 'uncertain messages/8']);
  });

  it('leaves uncertain what a failed DDL statement may have committed', () => {
    const rig = opened();
    rig.say('ALTER TABLE users ADD a INT', errorResult(1205));
    rig.recorder.closed([]);
    expect([rig.outcomes, rig.doubts]).toEqual([{ skipped_uncertain: 1 }, ['uncertain messages/1']]);
  });

  it('leaves everything uncertain once the track was lost', () => {
    const rig = opened();
    rig.recorder.lostTrack([selectedStatement(INSERT, { keys: [2] }), plainOf('CALL p()')], STATUS_OPEN);
    expect(rig.doubts).toEqual(['uncertain messages/1', 'uncertain messages/2']);
    expect([rig.outcomes, rig.recorder.inTransaction]).toEqual([{ skipped_uncertain: 2 }, true]);
  });
});

describe('whatever a session does', () => {
  const RESULTS = [OPEN, CLOSED, OFF, OFF_OPEN, errorResult(1062), errorResult(1205), errorResult(1213)];
  const TEXTS = [
    'BEGIN',
    'COMMIT',
    'ROLLBACK',
    'SAVEPOINT a',
    'SAVEPOINT b',
    'ROLLBACK TO a',
    'RELEASE SAVEPOINT b',
    'CALL p()',
    'ALTER TABLE users ADD a INT',
    'SET autocommit = 1',
  ];
  const plain = fc
    .constantFrom(...TEXTS)
    .map((text) => plainOf(text, { effects: text.includes('autocommit') ? [{ what: 'autocommit' }] : [] }));
  const write = fc
    .constantFrom<StatementShape['transactional'][]>('yes', 'no', 'unknown')
    .map((transactional) => selectedStatement(INSERT, transactional === undefined ? {} : { transactional }));
  const step = fc.record({
    statement: fc.oneof(plain, write),
    result: fc.constantFrom(...RESULTS),
  });

  it('counts each selected statement once, or offers it once', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.array(fc.oneof(plain, write), { maxLength: 3 }),
        (script, last) => {
          const rig = new Rig({ unitBytes: 3000 });
          for (const { statement, result } of script) rig.recorder.answered(statement, result, AT_ONCE);
          rig.recorder.closed(last);
          const selected = [...script.map(({ statement }) => statement), ...last].filter(
            ({ selection }) => selection.at === 'selected',
          ).length;
          const counted = Object.values(rig.outcomes).reduce((sum, count) => sum + count, 0);
          const offered = rig.units.reduce((sum, { replays }) => sum + replays.length, 0);
          expect(counted + offered).toBe(selected);
        },
      ),
      { numRuns: 200 },
    );
  });
});
