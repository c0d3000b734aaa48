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
    const alter = under.sent({ tables: ['messages'], writer: OTHER, mark, additive: false, program: false });
    const during = under.moment;
    expect(under.met(['messages'], during, ME)).not.toEqual([]);
    under.answered(alter);
    expect(under.met(['messages'], before, ME)).not.toEqual([]);
    expect(under.met(['messages'], during, ME)).not.toEqual([]);
    expect(under.met(['messages'], during, OTHER)).toEqual([]);
    expect(under.met(['notes'], during, ME)).toEqual([]);
    expect(under.met(['messages'], under.moment, ME)).toEqual([]);
    const index = under.sent({ tables: ['messages'], writer: OTHER, mark, additive: true, program: false });
    expect(under.met(['messages'], under.moment, ME)).toEqual([]);
    expect(under.meetsOther(index)).toBe(false);
    const second = under.sent({ tables: ['messages'], writer: ME, mark, additive: true, program: false });
    expect([under.meetsOther(index), under.meetsOther(second)]).toEqual([true, true]);
  });

  it('of a session that is gone are over; what is forgotten counts as met', () => {
    const under = new DefinitionsUnderWay();
    const before = under.moment;
    under.sent({ tables: ['messages'], writer: OTHER, mark, additive: false, program: false });
    under.abandon(OTHER);
    expect(under.met(['messages'], under.moment, ME)).toEqual([]);
    for (let count = 0; count < 101; count++)
      under.answered(under.sent({ tables: ['notes'], writer: OTHER, mark, additive: false, program: false }));
    expect(under.met(['users'], before, ME)).not.toEqual([]);
    expect(under.met(['users'], under.moment, ME)).toEqual([]);
  });
});
