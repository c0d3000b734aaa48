import { expect, test } from 'vitest';
import { Bell } from '../../src/control/bell.ts';

const LONG_MS = 60_000;

test('a ring ends the wait', async () => {
  const bell = new Bell();
  const wait = bell.wait(LONG_MS);
  bell.ring();
  expect(await wait).toBe('rung');
});

test('rings before the wait are kept, and count as one', async () => {
  const bell = new Bell();
  bell.ring();
  bell.ring();
  expect(await bell.wait(LONG_MS)).toBe('rung');
  expect(await bell.wait(1)).toBe('timeout');
});

test('a wait without a ring ends at its time limit', async () => {
  expect(await new Bell().wait(1)).toBe('timeout');
});
