/** A table of keys that come and go, against a map that is just that. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyTable } from '../../src/base/key-table.ts';

type Command = { readonly key: string; readonly value: object | null };

const keys = fc.integer({ min: 0, max: 40 }).map((number) => `key ${number}`);
const commands: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ key: keys, value: fc.record({ number: fc.nat() }) }),
  fc.record({ key: keys, value: fc.constant(null) }),
);

function follow(table: KeyTable<object>, model: Map<string, object>, { key, value }: Command): void {
  if (value === null) {
    table.delete(key);
    model.delete(key);
  } else {
    table.set(key, value);
    model.set(key, value);
  }
  expect([table.size, table.get(key)]).toEqual([model.size, model.get(key)]);
}

describe('a table of keys', () => {
  it('holds what a map would', () => {
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 200 }), (script) => {
        const table = new KeyTable<object>();
        const model = new Map<string, object>();
        for (const command of script) follow(table, model, command);
        for (let number = 0; number <= 40; number++)
          expect(table.get(`key ${number}`)).toBe(model.get(`key ${number}`));
      }),
    );
  });

  it('keeps what is in use when it moves, however many keys have left', () => {
    const table = new KeyTable<{ readonly number: number }>();
    const staying = Array.from({ length: 100 }, (_, number) => ({ number }));
    for (const value of staying) table.set(`stays ${value.number}`, value);
    for (let number = 0; number < 5000; number++) {
      table.set(`goes ${number}`, { number });
      expect(table.get(`goes ${number}`)).toEqual({ number });
      table.delete(`goes ${number}`);
      table.delete(`goes ${number}`);
    }
    expect(table.size).toBe(100);
    for (const value of staying) expect(table.get(`stays ${value.number}`)).toBe(value);
    expect(table.get('goes 4999')).toBeUndefined();
    table.clear();
    expect([table.size, table.get('stays 1')]).toEqual([0, undefined]);
  });
});
