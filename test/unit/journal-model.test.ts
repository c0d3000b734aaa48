/** Invariants 3, 4 and 8 of the journal, for whatever happens to it in whatever order. */
import fc from 'fast-check';
import { afterEach, beforeEach, it, vi } from 'vitest';
import { type Deed, JournalModel, type Meanwhile, type Place, type Step } from '../harness/journal-model.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const place: fc.Arbitrary<Place> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      table: fc.constantFrom('messages', 'notes'),
      key: fc.constantFrom('1', '2', 'ž'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ table: 'messages', key: null }) },
  { weight: 1, arbitrary: fc.constant({ table: 'notes', key: 'x'.repeat(3000) }) },
  { weight: 1, arbitrary: fc.constant({ table: '*', key: null }) },
);
const reason = fc.constantFrom('failed', 'not_sampled', 'overlap');
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ do: fc.constant('note'), place, reason, count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant('write'), places: fc.array(place, { minLength: 1, maxLength: 3 }) }),
  fc.record({ do: fc.constant('finish'), which: fc.nat(5), reason: fc.option(reason) }),
);
const meanwhile: fc.Arbitrary<Meanwhile> = fc.array(
  fc.record({ operation: fc.integer({ min: 1, max: 12 }), deed }),
  { maxLength: 3 },
);
const reader = fc.nat(1);
const STEPS: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 8, arbitrary: fc.record({ do: fc.constant('deed'), deed }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end of turn') }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('tick'), ms: fc.constantFrom(1000, 10_000, 70_000), meanwhile }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('page'),
      reader,
      limit: fc.constantFrom(1, 2, 5, 100),
      meanwhile,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('settle'),
      reader,
      by: fc.constantFrom('mark', 'count'),
      meanwhile,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle again'), reader }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('kill'),
      tickOperations: fc.nat(12),
      startOperations: fc.option(fc.nat(40), { nil: null }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('power'),
      kind: fc.constantFrom('doubts', 'written'),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
];
const CHURN: fc.WeightedArbitrary<Step> = { weight: 1, arbitrary: fc.record({ do: fc.constant('churn') }) };

/** Holds a journal of so many bytes to the model through many sequences of steps. */
async function hold(maxBytes: number, steps: readonly fc.WeightedArbitrary<Step>[]): Promise<void> {
  const sequence = fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 40, size: 'max' });
  await fc.assert(
    fc.asyncProperty(sequence, (each) => follow(maxBytes, each)),
    { numRuns: RUNS },
  );
}

async function follow(maxBytes: number, steps: readonly Step[]): Promise<void> {
  const model = await JournalModel.start(maxBytes);
  try {
    for (const step of steps) await model.run(step);
  } finally {
    await model.end();
  }
}

/** Sequences for each test. */
const RUNS = Number(process.env.UNDERSTUDY_JOURNAL_RUNS ?? 60);

it('invariants 4 and 8: whatever happens, the journal holds what the model does, and readers miss nothing', async () => {
  await hold(64 * 1024 * 1024, [...STEPS, CHURN]);
});

it('invariant 3: a journal at its bound forgets nothing in silence', async () => {
  await hold(96 * 1024, STEPS);
});

const tick = (ms: number): Step => ({ do: 'tick', ms, meanwhile: [] });
const page = (limit: number): Step => ({ do: 'page', reader: 0, limit, meanwhile: [] });
const powerCut: Step = { do: 'power', kind: 'doubts', part: 0 };

function write(key: string): Step {
  return { do: 'deed', deed: { do: 'write', places: [{ table: 'messages', key }] } };
}

function note(key: string): Step {
  return { do: 'deed', deed: { do: 'note', place: { table: 'messages', key }, reason: 'failed', count: 1 } };
}

it('a write that is under way for long stays on record, and what is settled beside it goes', async () => {
  await follow(64 * 1024 * 1024, [
    write('1'),
    tick(70_000),
    write('2'),
    tick(70_000),
    tick(70_000),
    { do: 'deed', deed: { do: 'finish', which: 1, reason: null } },
    tick(70_000),
    tick(70_000),
    page(100),
    { do: 'kill', tickOperations: 0, startOperations: null },
    page(100),
  ]);
});

it('what was noted of a write is on disk before its keys go', async () => {
  await follow(64 * 1024 * 1024, [
    write('1'),
    tick(10_000),
    { do: 'deed', deed: { do: 'finish', which: 0, reason: 'failed' } },
    tick(70_000),
    { do: 'kill', tickOperations: 0, startOperations: null },
  ]);
});

it('a reader does not pass by a doubt that a loss of power brings back to its old place', async () => {
  const kept: Step[] = [note('1'), { do: 'end of turn' }, tick(1000)];
  await follow(64 * 1024 * 1024, [...kept, note('2'), note('1'), page(1), powerCut, page(100)]);
});
