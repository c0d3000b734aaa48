/** Writes of several sessions on one key: overlaps are told, against a model that compares every two spans. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Commit } from '../../src/mirror/committing-writes.ts';
import { tableKey } from '../../src/mirror/table-key.ts';
import { withNumbers } from '../../src/mirror/target.ts';
import type { WriteSpan } from '../../src/mirror/write-span.ts';
import { WritesUnderWay } from '../../src/mirror/writes-under-way.ts';
import { FakeJournal } from '../harness/fake-journal.ts';

const target = (keys: readonly number[], keysComplete = true, rowByRow = false) => ({
  tables: ['messages'],
  reached: [],
  barriers: [],
  keys: keys.map((key) => tableKey('messages', String(key))),
  keysComplete,
  numbered: null,
  rowByRow,
  transactional: 'yes' as const,
});

function createRig() {
  const journal = new FakeJournal();
  const writes = new WritesUnderWay(journal);
  /** The keys whose order is not known, and behind them the tables. */
  const unordered = (span: WriteSpan): string[] => {
    const { keys, tables } = writes.unordered(span);
    return [...keys.map(({ key }) => key), ...tables];
  };
  return { journal, writes, unordered };
}

const keysOf = (span: WriteSpan): string[] => span.overlapped.map(({ key }) => key);

/** The commit of these, by the session that wrote them. */
const commitOf = (...spans: WriteSpan[]): Commit => ({
  spans,
  writer: spans[0]!.writer,
  before: null,
  after: null,
});

interface Step {
  readonly rowByRow: boolean;
  readonly session: number;
  readonly keys: readonly number[];
  readonly keysComplete: boolean;
}

/** What the model remembers of a write: its span on a clock of steps. */
interface Modelled extends Step {
  readonly span: WriteSpan;
  readonly from: number;
  to: number;
}

const sessions = [{}, {}, {}, {}];
const step: fc.Arbitrary<Step> = fc.record({
  session: fc.nat(3),
  keys: fc.uniqueArray(fc.nat(4), { maxLength: 3 }),
  keysComplete: fc.boolean(),
  rowByRow: fc.boolean(),
});

describe('writes under way', () => {
  it('are found to overlap where spans of different sessions on one key do, and nowhere else', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (script) => {
        const { journal, writes } = createRig();
        const all: Modelled[] = [];
        const open = new Map<number, Modelled>();
        const end = (modelled: Modelled, at: number): void => {
          modelled.to = at;
          writes.settled(modelled.span);
          open.delete(modelled.session);
        };
        // A session that writes again has had its answer: each step ends the write before it, and begins one.
        script.forEach((next, at) => {
          const before = open.get(next.session);
          if (before !== undefined) end(before, at);
          const span = writes.sent(
            target(next.keys, next.keysComplete, next.rowByRow),
            sessions[next.session]!,
          );
          const modelled = { ...next, span, from: at, to: Number.POSITIVE_INFINITY };
          all.push(modelled);
          open.set(next.session, modelled);
        });
        for (const modelled of [...open.values()]) end(modelled, script.length);
        for (const modelled of all) {
          const met = all.filter(
            (other) =>
              other.session !== modelled.session && other.from < modelled.to && modelled.from < other.to,
          );
          const wide = (one: Step): boolean => !one.keysComplete || one.keys.length === 0;
          const plain = (other: Modelled): boolean => modelled.rowByRow && other.rowByRow;
          const crossed = met.filter((other) => wide(modelled) !== wide(other));
          const isWide = crossed.some((other) => !plain(other)) || (wide(modelled) && met.some(wide));
          const isCrossed = !wide(modelled) && crossed.some(plain);
          const keys = modelled.keys.filter((key) => met.some((other) => other.keys.includes(key)));
          // Three sessions on a table may make it say more than it must, never less.
          expect(keysOf(modelled.span)).toEqual(expect.arrayContaining(keys.map(String)));
          if (isCrossed && !isWide) expect(keysOf(modelled.span)).toEqual(modelled.keys.map(String));
          if (crossed.length === 0 && met.length < 2) expect(keysOf(modelled.span)).toEqual(keys.map(String));
          if (isWide) expect(modelled.span.overlappedTables).toEqual(['messages']);
          if (met.length === 0) expect(modelled.span.overlappedTables).toEqual([]);
          if (met.length === 1 && !isWide) expect(modelled.span.overlappedTables).toEqual([]);
        }
        expect([writes.size, journal.pending]).toEqual([0, 0]);
      }),
      { numRuns: 400 },
    );
  });

  it('of one session follow each other, however far they are sent ahead', () => {
    const { writes } = createRig();
    const spans = [writes.sent(target([1]), sessions[0]!), writes.sent(target([1]), sessions[0]!)];
    for (const span of spans) writes.settled(span);
    expect(spans.flatMap(keysOf)).toEqual([]);
  });

  it('have no order among a commit that is not answered', () => {
    const { writes, unordered } = createRig();
    const held = writes.sent(target([1, 2]), sessions[0]!);
    writes.answered(held);
    const commit = commitOf(held);
    writes.commitSent(commit);
    const other = writes.sent(target([2, 3]), sessions[1]!);
    writes.answered(other);
    expect(unordered(other)).toEqual(['2']);
    expect(unordered(held)).toEqual([]);
    writes.commitAnswered(commit);
    expect(unordered(other)).toEqual([]);
    writes.settled(other);
    writes.settled(held);
    expect(writes.size).toBe(0);
  });

  it('have no order among a commit that is sent long after they were, and other keys were written meanwhile', () => {
    const { writes, unordered } = createRig();
    const held = writes.sent(target([1, 2]), sessions[0]!);
    writes.answered(held);
    const others = Array.from({ length: 5000 }, (_, key) => key + 10);
    for (const key of others) writes.settled(writes.sent(target([key]), sessions[2]!));
    const other = writes.sent(target([2, 3]), sessions[1]!);
    const commits = [commitOf(held), commitOf(other)] as const;
    writes.commitSent(commits[0]);
    writes.answered(other);
    for (const key of others) writes.settled(writes.sent(target([key]), sessions[2]!));
    expect(unordered(other)).toEqual(['2']);
    writes.commitSent(commits[1]);
    expect(unordered(held)).toEqual(['2']);
    for (const commit of commits) writes.commitAnswered(commit);
    expect([unordered(other), unordered(held)]).toEqual([[], []]);
    for (const span of [other, held]) writes.settled(span);
    expect(writes.size).toBe(0);
  });

  it.each([
    [
      'by its keys',
      target([1, 2], true, true),
      'row by row',
      target([], false, true),
      ['1', '2'],
      ['1', '2'],
    ],
    [
      'by its keys',
      target([1, 2], true, false),
      'row by row',
      target([], false, true),
      ['messages'],
      ['messages'],
    ],
    [
      'by its keys',
      target([1, 2], true, true),
      'at large',
      target([], false, false),
      ['messages'],
      ['messages'],
    ],
    [
      'row by row',
      target([], false, true),
      'row by row',
      target([], false, true),
      ['messages'],
      ['messages'],
    ],
    ['by its keys', target([1], true, true), 'by other keys', target([2], true, true), [], []],
  ] as const)(
    'whose commit is not answered have no order among others, also where keys are not known: %s, beside one %s',
    (_one, one, _other, other, first, second) => {
      for (const [early, late, expected] of [
        [one, other, second],
        [other, one, first],
      ] as const) {
        const { writes, unordered } = createRig();
        const held = writes.sent(early, sessions[0]!);
        writes.answered(held);
        const commit = commitOf(held);
        writes.commitSent(commit);
        const alone = writes.sent(late, sessions[1]!);
        writes.answered(alone);
        expect(unordered(alone)).toEqual(expected);
        expect(unordered(held)).toEqual([]);
        writes.commitAnswered(commit);
        expect(unordered(alone)).toEqual([]);
        for (const span of [held, alone]) writes.settled(span);
        expect(writes.size).toBe(0);
      }
    },
  );

  it('of numbered rows overlap with what else writes the numbers meanwhile, and not with each other', () => {
    const { journal, writes } = createRig();
    const asking = { ...target([], false), numbered: { rows: 2, step: 10 } };
    const one = writes.sent(asking, sessions[0]!);
    const two = writes.sent(asking, sessions[1]!);
    const before = writes.sent(target([15]), sessions[2]!);
    writes.answered(before);
    const beside = writes.sent(target([35]), sessions[2]!);
    writes.numbered(one, withNumbers(asking, 5));
    writes.numbered(two, withNumbers(asking, 25n));
    for (const span of [one, two, beside]) writes.settled(span);
    expect([one, two, beside].map(keysOf)).toEqual([['15'], ['35'], ['35']]);
    expect([one, two].flatMap(({ overlappedTables }) => overlappedTables)).toEqual([]);
    expect(journal.log.filter((line) => line.startsWith('written'))).toEqual([
      'written messages/*',
      'written messages/*',
      'written messages/15',
      'written messages/35',
    ]);
    writes.settled(before);
    const late = writes.sent(asking, sessions[0]!);
    writes.numbered(late, withNumbers(asking, 15));
    writes.settled(late);
    expect([late.overlapped, late.overlappedTables]).toEqual([[], []]);
    expect([writes.size, journal.pending]).toEqual([0, 0]);
  });

  it('of numbered rows overlap with what may write any row, and where the numbers stay unknown', () => {
    const { writes } = createRig();
    const asking = { ...target([], false), numbered: { rows: 1, step: 1 } };
    const any = writes.sent(target([], false), sessions[0]!);
    const one = writes.sent(asking, sessions[1]!);
    writes.numbered(one, withNumbers(asking, 5));
    for (const span of [any, one]) writes.settled(span);
    expect([any, one].map(({ overlappedTables }) => overlappedTables)).toEqual([['messages'], ['messages']]);
    const unknown = writes.sent(asking, sessions[1]!);
    writes.numbered(unknown, withNumbers(asking, 0));
    writes.settled(unknown);
    expect(unknown.overlappedTables).toEqual(['messages']);
    expect(writes.size).toBe(0);
  });

  it('stand in the journal by their keys, or by their table where those are not known', () => {
    const { journal, writes } = createRig();
    for (const span of [writes.sent(target([1, 2]), {}), writes.sent(target([], false), {})]) {
      writes.record();
      writes.settled(span);
      writes.settled(span);
    }
    expect(journal.log).toEqual([
      'written messages/1',
      'written messages/2',
      'written messages/*',
      'flush',
      'release',
      'release',
    ]);
  });

  it('are on record before they are sent, as are definitions and what can’t be read; nothing else waits', () => {
    const { writes } = createRig();
    const definition = { additive: true, program: false, writer: {} };
    const sendings = [
      () => writes.sent(target([1]), {}),
      () => writes.definitionSent(['messages'], definition),
      () => writes.unreadSent(),
    ];
    expect(writes.ready()).toBe(false);
    for (const send of sendings) {
      send();
      expect([writes.ready(), writes.ready()]).toEqual([true, false]);
    }
  });
});
