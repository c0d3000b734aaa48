import { describe, expect, it } from 'vitest';
import { Mismatches } from '../../src/observe/mismatches.ts';
import type { MismatchSample } from '../../src/observe/status.ts';

function sample(digestId: string, more: Partial<MismatchSample> = {}): MismatchSample {
  const at = '2024-01-01T00:00:00.000Z';
  return { at, kind: 'read', reason: 'row_count', digest: 'SELECT ?', detail: '', digestId, ...more };
}

function idsAfter(count: number, limit: number): string[] {
  const mismatches = new Mismatches(limit);
  for (let index = 1; index <= count; index += 1) mismatches.add(sample(String(index)));
  return mismatches.latest().map(({ digestId }) => digestId);
}

describe('the latest mismatches', () => {
  it.each([
    [0, []],
    [2, ['2', '1']],
    [3, ['3', '2', '1']],
    [4, ['4', '3', '2']],
    [8, ['8', '7', '6']],
  ])('after %i are the newest first, three at most', (count, ids) => {
    expect(idsAfter(count, 3)).toEqual(ids);
  });

  it('are fifty where nothing else is said', () => {
    const mismatches = new Mismatches();
    for (let index = 0; index < 120; index += 1) mismatches.add(sample(String(index)));
    expect(mismatches.latest()).toHaveLength(50);
  });

  it('are cut in length, so that fifty of them stay small', () => {
    const mismatches = new Mismatches();
    mismatches.add(sample('1', { digest: 'x'.repeat(100_000), detail: 'y'.repeat(100_000) }));
    const [kept] = mismatches.latest();
    expect(kept?.digest).toHaveLength(2000);
    expect(kept?.detail).toHaveLength(500);
    expect(kept?.digest.endsWith('…')).toBe(true);
  });
});
