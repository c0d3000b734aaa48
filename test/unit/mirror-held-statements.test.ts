import { describe, expect, it } from 'vitest';
import { HeldStatements } from '../../src/mirror/held-statements.ts';

interface Item {
  readonly name: string;
  readonly bytes: number;
}

const item = (name: string, bytes = 1): Item => ({ name, bytes });
const names = (items: readonly Item[] | null): string[] | null => items?.map(({ name }) => name) ?? null;

function holding(limits: { bytes: number; statements: number }, ...items: Item[]): HeldStatements<Item> {
  const held = new HeldStatements<Item>(limits);
  for (const each of items) held.hold(each);
  return held;
}

const ROOMY = { bytes: 1000, statements: 1000 };

describe('held statements', () => {
  it('come out in the order in which they were held, once', () => {
    const held = holding(ROOMY, item('a'), item('b'), item('c'));
    expect(held.length).toBe(3);
    expect(names(held.takeAll(true))).toEqual(['a', 'b', 'c']);
    expect(names(held.takeAll(true))).toEqual([]);
  });

  it('are bounded in number, the bound included', () => {
    const held = holding({ bytes: 1000, statements: 2 }, item('a'), item('b'));
    expect(held.length).toBe(2);
    expect(held.hold(item('c'))).toBe(false);
  });

  it('are bounded in bytes, the bound included', () => {
    const held = holding({ bytes: 10, statements: 100 }, item('a', 4), item('b', 6));
    expect(held.length).toBe(2);
    expect(held.hold(item('c', 1))).toBe(false);
  });

  it('hold nothing more of a transaction that was too large, until it ends', () => {
    const held = holding({ bytes: 10, statements: 100 }, item('a', 10));
    expect(held.hold(item('b'))).toBe(false);
    expect(names(held.takeAll(false))).toEqual(['a']);
    expect(held.hold(item('c'))).toBe(false);
    held.takeAll(true);
    expect(held.hold(item('d', 10))).toBe(true);
  });

  it('give back the room of what was undone', () => {
    const held = holding({ bytes: 10, statements: 2 }, item('a', 4));
    held.savepoint('s');
    held.hold(item('b', 6));
    expect(names(held.rollbackTo('s'))).toEqual(['b']);
    expect(held.hold(item('c', 6))).toBe(true);
  });

  describe('and savepoints', () => {
    const scripted = (): HeldStatements<Item> => {
      const held = holding(ROOMY, item('a'));
      held.savepoint('one');
      held.hold(item('b'));
      held.savepoint('two');
      held.hold(item('c'));
      return held;
    };

    it('undo what came after one, which itself stays', () => {
      const held = scripted();
      expect(names(held.rollbackTo('two'))).toEqual(['c']);
      held.hold(item('d'));
      expect(names(held.rollbackTo('two'))).toEqual(['d']);
      expect(names(held.rollbackTo('one'))).toEqual(['b']);
      expect(names(held.takeAll(true))).toEqual(['a']);
    });

    it('forget those set after the one that was rolled back to', () => {
      const held = scripted();
      expect(names(held.rollbackTo('one'))).toEqual(['b', 'c']);
      expect(held.rollbackTo('two')).toBeNull();
    });

    it('move a name that is set again', () => {
      const held = scripted();
      held.savepoint('one');
      held.hold(item('d'));
      expect(names(held.rollbackTo('one'))).toEqual(['d']);
      expect(names(held.takeAll(true))).toEqual(['a', 'b', 'c']);
    });

    it('keep everything when one is released', () => {
      const held = scripted();
      held.release('one');
      expect(held.rollbackTo('one')).toBeNull();
      expect(held.length).toBe(3);
      expect(names(held.rollbackTo('two'))).toEqual(['c']);
    });

    it('take nothing for one that is not known', () => {
      const held = scripted();
      expect(held.rollbackTo('three')).toBeNull();
      expect(held.length).toBe(3);
    });

    it('forget the oldest beyond a bound', () => {
      const held = holding(ROOMY, item('a'));
      for (let index = 0; index <= 1000; index++) held.savepoint(`s${index}`);
      expect(held.rollbackTo('s0')).toBeNull();
      expect(names(held.rollbackTo('s1'))).toEqual([]);
    });

    it('go with the transaction', () => {
      const held = scripted();
      held.takeAll(true);
      held.hold(item('e'));
      expect(held.rollbackTo('one')).toBeNull();
      expect(held.length).toBe(1);
    });
  });
});
