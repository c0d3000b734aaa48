/** Writes and changes of definitions that were under way together. */
import { describe, expect, it } from 'vitest';
import { DefinitionsUnderWay } from '../../src/mirror/definitions-under-way.ts';

const ME = {};
const OTHER = {};
const mark = { release() {} };

describe('a write and a definition', () => {
  it('meet where their spans meet, of other sessions, on one table, and where order counts', () => {
    const under = new DefinitionsUnderWay();
    const before = under.moment;
    const alter = under.sent({ tables: ['messages'], writer: OTHER, mark, additive: false });
    const during = under.moment;
    expect(under.meets(['messages'], during, ME)).toBe(true);
    under.answered(alter);
    expect(under.meets(['messages'], before, ME)).toBe(true);
    expect(under.meets(['messages'], during, ME)).toBe(true);
    expect(under.meets(['messages'], during, OTHER)).toBe(false);
    expect(under.meets(['notes'], during, ME)).toBe(false);
    expect(under.meets(['messages'], under.moment, ME)).toBe(false);
    const index = under.sent({ tables: ['messages'], writer: OTHER, mark, additive: true });
    expect(under.meets(['messages'], under.moment, ME)).toBe(false);
    expect(under.meetsOther(index)).toBe(false);
    const second = under.sent({ tables: ['messages'], writer: ME, mark, additive: true });
    expect([under.meetsOther(index), under.meetsOther(second)]).toEqual([true, true]);
  });

  it('of a session that is gone are over; what is forgotten counts as met', () => {
    const under = new DefinitionsUnderWay();
    const before = under.moment;
    under.sent({ tables: ['messages'], writer: OTHER, mark, additive: false });
    under.abandon(OTHER);
    expect(under.meets(['messages'], under.moment, ME)).toBe(false);
    for (let count = 0; count < 101; count++)
      under.answered(under.sent({ tables: ['notes'], writer: OTHER, mark, additive: false }));
    expect(under.meets(['users'], before, ME)).toBe(true);
    expect(under.meets(['users'], under.moment, ME)).toBe(false);
  });
});
