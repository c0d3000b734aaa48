/** What every pass does with its batches: each query and each repair waits for its turn, and all is told. */
import { expect, it } from 'vitest';
import type { ComparedGroups } from '../../src/sync/compared-batch.ts';
import type { GroupOutcome } from '../../src/sync/group-outcome.ts';
import type { Mismatch } from '../../src/sync/group-sum.ts';
import { NO_ROWS } from '../../src/sync/row-counts.ts';
import { settledBatches } from '../../src/sync/settled-batches.ts';

function batchOf(groups: number, mismatched: readonly string[], unread: readonly string[]): ComparedGroups {
  return {
    ...{ groups, rows: groups, seconds: { old: 0, new: 0 } },
    mismatches: mismatched.map((key): Mismatch => ({ key, old: null, new: null })),
    unread: unread.map((key) => ({ key, reason: 'it takes too long' })),
  };
}

class Rig {
  readonly log: string[] = [];

  async *batches(): AsyncGenerator<ComparedGroups> {
    const all = [batchOf(3, [], []), batchOf(4, ['1'], ['2']), batchOf(1, ['3'], [])];
    for (const batch of all) {
      this.log.push(`look at ${batch.groups}`);
      yield batch;
    }
  }

  open() {
    return settledBatches(this.batches(), {
      settler: {
        settle: (mismatches) => {
          this.log.push(`settle ${mismatches.map(({ key }) => key)}`);
          const outcomeOf = ({ key }: Mismatch): GroupOutcome => ({
            ...{ key, result: 'repaired', rows: NO_ROWS, reason: null },
          });
          return Promise.resolve(mismatches.map(outcomeOf));
        },
      },
      turn: () => Promise.resolve(void this.log.push('turn')),
      looked: ({ groups }) => void this.log.push(`told of ${groups}`),
      settled: ({ key, result }) => void this.log.push(`told ${key} ${result}`),
    });
  }
}

it('waits for its turn before each look and each repair, and tells of every group that was not the same', async () => {
  const rig = new Rig();
  const outcomes: string[] = [];
  for await (const batch of rig.open()) outcomes.push(batch.outcomes.map(({ key }) => key).join());
  expect(outcomes).toEqual(['', '2,1', '3']);
  expect(rig.log).toEqual([
    ...['turn', 'look at 3', 'told of 3'],
    ...['turn', 'look at 4', 'told of 4', 'turn', 'settle 1', 'told 2 failed', 'told 1 repaired'],
    ...['turn', 'look at 1', 'told of 1', 'turn', 'settle 3', 'told 3 repaired'],
    'turn',
  ]);
});

it('asks for nothing more once it is left', async () => {
  const rig = new Rig();
  for await (const { batch } of rig.open()) if (batch.groups === 3) break;
  expect(rig.log).toEqual(['turn', 'look at 3', 'told of 3']);
});
