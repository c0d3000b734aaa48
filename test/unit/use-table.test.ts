/** A table of keys that several use at a time, against counts by key. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Used, UseTable } from '../../src/base/use-table.ts';

interface Entry extends Used {
  readonly name: object;
}

const createTable = () => new UseTable<Entry>(() => ({ uses: 0, at: 'table', name: {} }));

describe('a table of uses', () => {
  it('counts the uses of each key, by one entry for all of them', () => {
    const step = fc.record({ key: fc.nat(5), use: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (script) => {
        const table = createTable();
        const uses = new Map<number, Entry[]>();
        for (const { key, use } of script) {
          const held = uses.get(key) ?? [];
          if (use) held.push(table.use(`${key}`));
          else {
            const entry = held.pop();
            if (entry !== undefined) table.leave(entry);
          }
          uses.set(key, held);
          expect(new Set(held).size).toBeLessThanOrEqual(1);
          expect(held[0]?.uses ?? 0).toBe(held.length);
          expect(table.size).toBe([...uses.values()].filter((entries) => entries.length > 0).length);
        }
      }),
    );
  });

  it('keeps what is in use when others leave, and says of those that they left', () => {
    const table = createTable();
    const staying = table.use('stays');
    const gone = table.use('goes');
    table.leave(gone);
    for (let number = 0; number < 5000; number++) table.leave(table.use(`passes ${number}`));
    expect([table.size, table.find('stays'), staying.at]).toEqual([1, staying, 'table']);
    expect([table.find('goes'), gone.at]).toEqual([null, 'left']);
    expect(table.use('goes')).not.toBe(gone);
  });
});
