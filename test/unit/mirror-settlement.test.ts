/** Whatever shape a unit's result has, each of its replays ends once, under one outcome. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplayResult, UnitResult } from '../../src/mirror/lane.ts';
import type { ReplyCallback } from '../../src/mirror/lane-link.ts';
import { RowHash } from '../../src/mirror/row-hash.ts';
import { Settlement } from '../../src/mirror/settlement.ts';
import type { Replay } from '../../src/mirror/unit.ts';
import { Mismatches } from '../../src/observe/mismatches.ts';
import { Exchange } from '../../src/wire/exchange.ts';
import { COM } from '../../src/wire/protocol.ts';
import { KeptIncidents } from '../harness/kept-incidents.ts';
import { outcomesOf, type ReplayShape, replayOf, shardMetrics, unitOf } from '../harness/mirror-kit.ts';

function createRig() {
  const metrics = shardMetrics();
  const mismatches = new Mismatches();
  const incidents = new KeptIncidents();
  const doubts: string[] = [];
  const over: Replay[] = [];
  const suspects = new Set<string>();
  const settlement = new Settlement({
    metrics,
    mismatches,
    incidents,
    wallClock: () => 0,
    doubt: (replay, reason) => doubts.push(`${reason} ${replay.keys.map(({ key }) => key).join(',')}`),
    inDoubt: ({ keys }) => keys.some(({ key }) => suspects.has(key)),
    over: (replay) => over.push(replay),
  });
  return {
    metrics,
    mismatches,
    incidents,
    doubts,
    over,
    suspects,
    settlement,
    outcomes: () => outcomesOf(metrics),
  };
}

const write = (key: number, shape: ReplayShape = {}): Replay =>
  replayOf('UPDATE messages SET v = 1 WHERE folderid = 1', { keys: [key], ...shape });
const read = (shape: ReplayShape = {}): Replay => replayOf('SELECT * FROM messages', shape);

function answer(fields: Partial<Exchange<ReplyCallback>>, rowHash: RowHash | null = null): ReplayResult {
  const exchange = new Exchange<ReplyCallback>(COM.QUERY, Buffer.of(COM.QUERY), 1);
  return { answer: Object.assign(exchange, { ok: true, affectedRows: 1, ...fields }), rowHash };
}

const OK = answer({});
const FAILED = answer({ ok: false, errno: 1062 });
const NONE: ReplayResult = { answer: null, rowHash: null };
const result = (outcome: UnitResult['outcome'], results: readonly ReplayResult[], errno = 0): UnitResult => ({
  outcome,
  results,
  errno,
});

describe('settlement', () => {
  it('counts what the shadow carried out, with the durations of both sides', () => {
    const rig = createRig();
    rig.settlement.ran(unitOf([write(1)]), result('answered', [answer({ sentAtMs: 10, answeredAtMs: 14 })]));
    expect([rig.outcomes(), rig.doubts]).toEqual([{ mirrored: 1 }, []]);
  });

  it('counts what it refused, and doubts the key', () => {
    const rig = createRig();
    rig.settlement.ran(unitOf([write(1)]), result('answered', [FAILED], 1062));
    expect([rig.outcomes(), rig.doubts]).toEqual([{ failed: 1 }, ['failed 1']]);
    expect(rig.mismatches.latest()).toMatchObject([{ reason: 'error', detail: 'error 1062' }]);
    expect(rig.incidents.reports).toMatchObject([
      { reason: 'replay_error', code: 1062, table: 'messages', key: '1', message: 'error 1062' },
    ]);
    expect(rig.incidents.reports[0]?.digest?.text).toContain('UPDATE messages');
  });

  it('makes one incident of an error, also of one that no statement of the unit had', () => {
    const rig = createRig();
    rig.settlement.ran(unitOf([write(1), write(2), write(3)]), result('rolled_back', [OK, FAILED, OK], 1062));
    rig.settlement.ran(unitOf([write(1), write(2)]), result('answered', [OK, OK], 1180));
    rig.settlement.ran(unitOf([write(1)]), result('answered', [], 1231));
    expect(rig.incidents.reports.map(({ reason, code }) => [reason, code])).toEqual([
      ['replay_error', 1062],
      ['replay_error', 1180],
      ['replay_error', 1231],
    ]);
  });

  it('lets a transaction stand or fall as a whole', () => {
    const rig = createRig();
    const unit = unitOf([write(1), write(2), write(3)]);
    rig.settlement.ran(unit, result('rolled_back', [OK, FAILED, OK], 1062));
    expect([rig.outcomes(), rig.doubts]).toEqual([{ failed: 3 }, ['failed 1', 'failed 2', 'failed 3']]);
    expect(rig.metrics.mismatches()).toMatchObject({ error: 1 });
  });

  it('does not take a transaction for committed whose COMMIT failed or was lost', () => {
    const rig = createRig();
    rig.settlement.ran(unitOf([write(1), write(2)]), result('answered', [OK, OK], 1180));
    rig.settlement.ran(unitOf([write(3), write(4)]), result('lost', [OK, OK]));
    expect(rig.outcomes()).toEqual({ failed: 2, lost: 2 });
    expect(rig.doubts).toEqual(['failed 1', 'failed 2', 'failed 3', 'failed 4']);
  });

  it('tells reads of one unit apart, those not reached included', () => {
    const rig = createRig();
    rig.settlement.ran(unitOf([read(), read(), read()]), result('answered', [OK, FAILED], 1064));
    expect(rig.outcomes()).toEqual({ mirrored: 1, failed: 2 });
    rig.settlement.ran(unitOf([read(), read(), read()]), result('lost', [OK, NONE]));
    expect(rig.outcomes()).toEqual({ mirrored: 2, failed: 2, lost: 2 });
    expect(rig.doubts).toEqual([]);
  });

  it('counts all of a unit that timed out or was never sent', () => {
    const rig = createRig();
    rig.settlement.ran(unitOf([write(1), read()]), 'timed_out');
    rig.settlement.all(unitOf([write(2)]), 'dropped_queue_full', 'dropped');
    expect(rig.outcomes()).toEqual({ timed_out: 2, dropped_queue_full: 1 });
    rig.settlement.all(unitOf([write(3), write(4)]), 'dropped_shadow_down', 'dropped');
    rig.settlement.all(unitOf([write(5)]), 'dropped_shutdown', 'dropped');
    expect(rig.incidents.counts()).toEqual({ timed_out: 2, queue_full: 1, shadow_down: 2 });
    expect(rig.incidents.reports.filter(({ digest }) => digest === undefined)).toHaveLength(2);
    expect(rig.doubts.slice(0, 2)).toEqual(['failed 1', 'dropped 2']);
  });

  it('doubts a key of which other numbers of rows were changed', () => {
    const rig = createRig();
    const compared = (key: number, rows: number | bigint, slack = 0) =>
      write(key, { primary: { affected: { rows, slack } } });
    rig.settlement.ran(unitOf([compared(1, 2)]), result('answered', [answer({ affectedRows: 3 })]));
    rig.settlement.ran(unitOf([compared(2, 3)]), result('answered', [answer({ affectedRows: 3 })]));
    rig.settlement.ran(unitOf([write(3, { primary: { affected: null } })]), result('answered', [OK]));
    rig.settlement.ran(unitOf([compared(4, 3, 1)]), result('answered', [answer({ affectedRows: 2 })]));
    rig.settlement.ran(unitOf([compared(5, 3, 1)]), result('answered', [answer({ affectedRows: 4 })]));
    rig.settlement.ran(unitOf([compared(6, 3n, 1)]), result('answered', [answer({ affectedRows: 1 })]));
    const apart = ['affected_rows 1', 'affected_rows 5', 'affected_rows 6'];
    expect([rig.outcomes(), rig.doubts]).toEqual([{ mirrored: 6 }, apart]);
    expect(rig.mismatches.latest()).toContainEqual(
      expect.objectContaining({ detail: 'affected rows: old 2, new 3' }),
    );
  });

  it('compares rows where both sides were hashed, in their order where it matters', () => {
    const hash = (...rows: string[]): RowHash => {
      const made = new RowHash();
      for (const row of rows) {
        made.bytes(Buffer.from(row), 0, row.length);
        made.endRow();
      }
      return made;
    };
    const rig = createRig();
    const compare = (text: string, shadow: RowHash | null): void => {
      const replay = replayOf(text, { primary: { rowHash: hash('a', 'b') } });
      rig.settlement.ran(unitOf([replay]), result('answered', [answer({}, shadow)]));
    };
    compare('SELECT * FROM messages', hash('b', 'a'));
    compare('SELECT * FROM messages ORDER BY v', hash('b', 'a'));
    compare('SELECT * FROM messages', hash('a'));
    compare('SELECT * FROM messages', hash('a', 'c'));
    compare('SELECT * FROM messages', null);
    expect(rig.metrics.comparisons.totals()).toMatchObject({ read: 4 });
    expect(rig.mismatches.latest().map(({ reason }) => reason)).toEqual([
      'row_hash',
      'row_count',
      'row_order',
    ]);
    expect(rig.outcomes()).toEqual({ mirrored: 5 });
  });

  it('ends each replay once, whatever the result', () => {
    const shapes = fc.constantFrom(OK, FAILED, NONE);
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
        fc.constantFrom<UnitResult['outcome'][]>('answered', 'rolled_back', 'lost'),
        fc.array(shapes, { maxLength: 5 }),
        fc.constantFrom(0, 1062),
        (kinds, outcome, results, errno) => {
          const rig = createRig();
          const unit = unitOf(kinds.map((isRead, index) => (isRead ? read() : write(index))));
          rig.settlement.ran(unit, result(outcome, results.slice(0, kinds.length), errno));
          const counted = Object.values(rig.outcomes()).reduce((sum, count) => sum + count, 0);
          expect(counted).toBe(kinds.length);
          // Never silent: a write that was not mirrored is doubted.
          const mirrored = rig.outcomes().mirrored ?? 0;
          const writes = kinds.filter((isRead) => !isRead).length;
          expect(rig.doubts.length).toBeGreaterThanOrEqual(writes - mirrored);
        },
      ),
    );
  });
});

it('a write that gives rows another key is a doubt where one of its keys is', () => {
  const rig = createRig();
  const moving = unitOf([write(1, { moves: true })]);
  rig.settlement.ran(moving, { outcome: 'answered', results: [answer({})], errno: 0 });
  expect(rig.doubts).toEqual([]);
  rig.suspects.add('1');
  rig.settlement.ran(moving, { outcome: 'answered', results: [answer({})], errno: 0 });
  rig.settlement.ran(unitOf([write(1)]), { outcome: 'answered', results: [answer({})], errno: 0 });
  expect(rig.doubts).toEqual(['hazard 1']);
});

it('an answer in rows is compared by how many they are', () => {
  const rig = createRig();
  const deleting = unitOf([write(1, { primary: { rows: 2, affected: { rows: 0, slack: 0 } } })]);
  rig.settlement.ran(deleting, {
    outcome: 'answered',
    results: [answer({ rows: 2, affectedRows: 0 })],
    errno: 0,
  });
  expect(rig.doubts).toEqual([]);
  rig.settlement.ran(deleting, {
    outcome: 'answered',
    results: [answer({ rows: 1, affectedRows: 0 })],
    errno: 0,
  });
  expect(rig.doubts).toEqual(['affected_rows 1']);
});
