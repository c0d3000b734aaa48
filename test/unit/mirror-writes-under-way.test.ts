/** Writes of several sessions on one key: overlaps are told, against a model that compares every two spans. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tableKey } from '../../src/mirror/table-key.ts';
import type { WriteSpan } from '../../src/mirror/write-span.ts';
import { WritesUnderWay } from '../../src/mirror/writes-under-way.ts';
import { FakeJournal } from '../harness/fake-journal.ts';

const target = (keys: readonly number[], keysComplete = true) => ({
  tables: ['messages'],
  reached: [],
  barriers: [],
  keys: keys.map((key) => tableKey('messages', String(key))),
  keysComplete,
  transactional: 'yes' as const,
});

function createRig() {
  const journal = new FakeJournal();
  return { journal, writes: new WritesUnderWay(journal) };
}

const keysOf = (span: WriteSpan): string[] => span.overlapped.map(({ key }) => key);

interface Step {
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
          const span = writes.sent(target(next.keys, next.keysComplete), sessions[next.session]!);
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
          const keys = modelled.keys.filter((key) => met.some((other) => other.keys.includes(key)));
          expect(keysOf(modelled.span)).toEqual(keys.map(String));
          const wide = (one: Step): boolean => !one.keysComplete || one.keys.length === 0;
          const tables = met.some((other) => wide(modelled) || wide(other)) ? ['messages'] : [];
          // Three sessions on a table may make it say more than it must, never less.
          if (tables.length > 0) expect(modelled.span.overlappedTables).toEqual(tables);
          if (met.length === 0) expect(modelled.span.overlappedTables).toEqual([]);
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
    const { writes } = createRig();
    const held = writes.sent(target([1, 2]), sessions[0]!);
    writes.answered(held);
    writes.commitSent([held], sessions[0]!);
    const other = writes.sent(target([2, 3]), sessions[1]!);
    writes.answered(other);
    expect(writes.unordered(other).map(({ key }) => key)).toEqual(['2']);
    expect(writes.unordered(held)).toEqual([]);
    writes.commitAnswered([held]);
    expect(writes.unordered(other)).toEqual([]);
    writes.settled(other);
    writes.settled(held);
    expect(writes.size).toBe(0);
  });

  it('stand in the journal by their keys, or by their table where those are not known', () => {
    const { journal, writes } = createRig();
    for (const span of [writes.sent(target([1, 2]), {}), writes.sent(target([], false), {})]) {
      writes.ready();
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
});
