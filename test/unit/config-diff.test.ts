import { expect, test } from 'vitest';
import { differingPaths } from '../../src/control/config-diff.ts';

test.each([
  [{ a: 1 }, { a: 1 }, []],
  [{ a: 1 }, { a: 2 }, ['a']],
  [{ a: { b: [{ c: 1 }, { c: 2 }] } }, { a: { b: [{ c: 1 }, { c: 3 }] } }, ['a.b[1].c']],
  [{ a: [1] }, { a: [1, 2] }, ['a[1]']],
  [{ a: [1] }, { a: { 0: 1 } }, ['a']],
  [{ a: undefined }, { a: { b: 1 } }, ['a']],
  [{ a: undefined }, {}, []],
  [{ a: '*' }, { a: { t: 1 } }, ['a']],
  [{ a: null }, { a: {} }, ['a']],
  [{ a: Buffer.from('x') }, { a: Buffer.from('x') }, []],
  [{ a: Buffer.from('x') }, { a: Buffer.from('y') }, ['a']],
  [{ live: 1, a: 1 }, { live: 2, a: 2 }, ['a']],
])('%j and %j differ in %j', (left, right, paths) => {
  expect(differingPaths(left, right, ['live'])).toEqual(paths);
});

test('a value is never shown, and of many paths only the first twenty', () => {
  const many = (value: string) => Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}`, value]));
  const paths = differingPaths(many('secret-1'), many('secret-2'), []);
  expect(paths).toHaveLength(21);
  expect(paths.at(-1)).toBe('… and 10 more');
  expect(paths.join()).not.toContain('secret');
});
