/** What a journal's disk is taken for, in time that the test makes. */
import { beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { JournalHealth } from '../../src/journal/journal-health.ts';

let nowMs: number;
let health: JournalHealth;
beforeEach(() => {
  nowMs = 5_000_000;
  health = new JournalHealth({ log: silentLog(), now: () => nowMs });
});

/** Seconds until the disk is to be tried again. */
function wait(): number {
  let seconds = 0;
  for (; !health.retryDue; seconds += 1) nowMs += 1000;
  return seconds;
}

it('each try that fails doubles the wait for the next, up to a minute', () => {
  health.opened();
  expect(health.failed('full')).toBe(true);
  const waits = Array.from({ length: 9 }, () => {
    const seconds = wait();
    health.retryFailed('still full');
    return seconds;
  });
  expect(waits).toEqual([1, 1, 2, 4, 8, 16, 32, 60, 60]);
  expect(health.fault).toBe('still full');
});

it('a failure is told of once until the disk was opened again, and then waited for anew', () => {
  expect(health.failed('read-only')).toBe(true);
  expect(health.failed('and full')).toBe(false);
  expect(health.fault).toBe('read-only');
  for (let count = 0; count < 5; count += 1) health.retryFailed('read-only');
  health.opened();
  expect([health.at, health.fault, health.retryDue]).toEqual(['open', null, false]);
  expect(health.failed('read-only')).toBe(true);
  expect(wait()).toBe(1);
});

it('a try that fails after the folder was open is a failure all the same', () => {
  health.failed('full');
  health.opened();
  health.retryFailed('no state');
  expect([health.at, health.fault]).toEqual(['failing', 'no state']);
});

it('a journal that is closed stays so', () => {
  health.closed();
  health.opened();
  health.retryFailed('too late');
  expect(health.failed('too late')).toBe(false);
  expect([health.at, health.fault]).toEqual(['closed', null]);
});

it('a slow disk is a fault until it is quick, or opened again', () => {
  health.opened();
  health.slowed(0.25);
  expect([health.at, health.slow, health.fault]).toEqual([
    'open',
    true,
    'the disk is slow: an append took 250 ms',
  ]);
  health.quick();
  expect([health.slow, health.fault]).toEqual([false, null]);
  health.slowed(0.25);
  health.opened();
  expect(health.slow).toBe(false);
});
