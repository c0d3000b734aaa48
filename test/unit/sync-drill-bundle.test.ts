/** The rows that differ in groups that are read with all of their rows, each as a text. */
import { describe, expect, it } from 'vitest';
import { lookAtRows } from '../../src/sync/drill-bundle.ts';
import type { BundleReader } from '../../src/sync/row-reader.ts';
import { OLD_TO_NEW } from '../../src/sync/side.ts';

/** `rows`: as `identity|hash`. */
function readerOf(rows: readonly string[]): BundleReader {
  return {
    groups: ([key = null]) =>
      Promise.resolve([{ sum: { key, rows: rows.length, sum: [...rows].sort().join() }, rows }]),
    row: (text) => {
      const [identity = '', sum = ''] = text.split('|');
      return { identity: [identity], sum, copies: 1 };
    },
  };
}

async function differences(old: readonly string[], fresh: readonly string[]) {
  const readers = { old: readerOf(old), new: readerOf(fresh) };
  const [look] = await lookAtRows({ direction: OLD_TO_NEW, identity: ['numeric'] }, readers, 'numeric', [
    '7',
  ]);
  return look?.differences?.map(({ kind, identity }) => `${kind} ${identity.join()}`).sort();
}

const OLD = ['1|a', '2|b', '3|c', '4|d', '5|e', '6|f'];
const FRESH = ['1|a', '2|x', '3|c', '4|d', '6|f', '7|g'];
const FOUND = ['different 2', 'extra 7', 'missing 5'];

describe('the rows that differ', () => {
  it('are those alone, also between rows that are the same', async () => {
    expect(await differences(OLD, FRESH)).toEqual(FOUND);
    expect(await differences(OLD, ['1|a', '2|x', '3|c', '5|y', '6|f'])).toEqual([
      'different 2',
      'different 5',
      'missing 4',
    ]);
  });

  it('are the same in whichever order the sides give them', async () => {
    expect(await differences(OLD, FRESH.toReversed())).toEqual(FOUND);
    expect(await differences(['6|f', '1|a', '3|c', '2|b', '5|e', '4|d'], FRESH)).toEqual(FOUND);
  });

  it('are none where only the order is another, and all where a side has none', async () => {
    expect(await differences(OLD, OLD.toReversed())).toEqual([]);
    expect(await differences(['1|a'], [])).toEqual(['missing 1']);
    expect(await differences([], ['1|a', '2|b'])).toEqual(['extra 1', 'extra 2']);
  });
});
