/** When reads are held back, by a clock that stands still until the test moves it. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ReadGathering } from '../../src/mirror/read-gathering.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Rig {
  readonly reads: ReadGathering;
  ticks: number;
  /** So many reads in each of so many milliseconds; whether the last one was held back. */
  come(readsAMs: number, forMs: number): boolean;
}

function createRig(): Rig {
  const rig: Rig = {
    reads: new ReadGathering(
      () => performance.now(),
      () => {
        rig.ticks++;
      },
    ),
    ticks: 0,
    come(readsAMs, forMs) {
      let held = false;
      for (let ms = 0; ms < forMs; ms++) {
        vi.advanceTimersByTime(1);
        for (let read = 0; read < readsAMs; read++) held = rig.reads.holds(performance.now());
      }
      return held;
    },
  };
  return rig;
}

describe('the gathering of reads', () => {
  it('holds them back where they come thick, and no more where they come thinly', () => {
    const rig = createRig();
    expect(rig.come(1, 100)).toBe(false);
    expect(rig.come(10, 100)).toBe(true);
    expect(rig.come(1, 100)).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ticks while it holds them, once more at the end, and then no more', () => {
    const rig = createRig();
    rig.come(10, 100);
    expect(rig.ticks).toBeGreaterThan(10);
    // Nothing comes any more: the ticks tell by themselves.
    vi.advanceTimersByTime(100);
    expect(rig.reads.isOn).toBe(false);
    const { ticks } = rig;
    vi.advanceTimersByTime(100);
    expect(rig.ticks).toBe(ticks);
  });

  it('calls for what was held back when a thin read ends the holding', () => {
    const rig = createRig();
    rig.come(10, 100);
    const { ticks } = rig;
    // The clock goes on without a tick, as where the process was busy with something else.
    expect(rig.reads.holds(performance.now() + 1000)).toBe(false);
    expect(rig.ticks).toBe(ticks + 1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves out a tick behind what was sent for another reason', () => {
    const rig = createRig();
    rig.come(10, 100);
    const { ticks } = rig;
    for (let ms = 0; ms < 10; ms++) {
      rig.reads.sent();
      rig.come(10, 1);
    }
    expect(rig.ticks).toBe(ticks);
    rig.come(10, 10);
    expect(rig.ticks).toBeGreaterThan(ticks);
  });

  it('ends with its owner', () => {
    const rig = createRig();
    rig.come(10, 100);
    rig.reads.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
