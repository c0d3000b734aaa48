/** Every state of the breaker against every event, as a table in which a gap does not compile. */
import { describe, expect, it } from 'vitest';
import {
  admittedShare,
  afterFailure,
  afterSuccess,
  afterWait,
  type BreakerSettings,
  type BreakerState,
  CLOSED,
} from '../../src/mirror/breaker.ts';

const SETTINGS: BreakerSettings = { failures: 3, backoffMinMs: 100, backoffMaxMs: 700, rampMs: 1000 };
const NOW = 5000;

type Case =
  | 'closed, no failure'
  | 'closed, one failure before the last'
  | 'open, still waiting'
  | 'open, wait over'
  | 'probing'
  | 'ramping'
  | 'ramping, done';
type Event = 'failure' | 'success' | 'wait';

const STATES: Readonly<Record<Case, BreakerState>> = {
  'closed, no failure': CLOSED,
  'closed, one failure before the last': { at: 'closed', failures: 2 },
  'open, still waiting': { at: 'open', untilMs: NOW + 1, backoffMs: 200 },
  'open, wait over': { at: 'open', untilMs: NOW, backoffMs: 200 },
  probing: { at: 'probing', backoffMs: 400 },
  ramping: { at: 'ramping', sinceMs: NOW - 999, backoffMs: 200 },
  'ramping, done': { at: 'ramping', sinceMs: NOW - 1000, backoffMs: 200 },
};

const SAME = 'the same';

const TABLE: Readonly<Record<Case, Readonly<Record<Event, BreakerState | typeof SAME>>>> = {
  'closed, no failure': { failure: { at: 'closed', failures: 1 }, success: SAME, wait: SAME },
  'closed, one failure before the last': {
    failure: { at: 'open', untilMs: NOW + 100, backoffMs: 100 },
    success: CLOSED,
    wait: SAME,
  },
  'open, still waiting': { failure: SAME, success: SAME, wait: SAME },
  'open, wait over': { failure: SAME, success: SAME, wait: { at: 'probing', backoffMs: 200 } },
  probing: {
    failure: { at: 'open', untilMs: NOW + 700, backoffMs: 700 },
    success: { at: 'ramping', sinceMs: NOW, backoffMs: 400 },
    wait: SAME,
  },
  ramping: { failure: { at: 'open', untilMs: NOW + 400, backoffMs: 400 }, success: SAME, wait: SAME },
  'ramping, done': {
    failure: { at: 'open', untilMs: NOW + 400, backoffMs: 400 },
    success: CLOSED,
    wait: SAME,
  },
};

const EVENTS: Readonly<Record<Event, (state: BreakerState) => BreakerState>> = {
  failure: (state) => afterFailure(state, SETTINGS, NOW),
  success: (state) => afterSuccess(state, SETTINGS, NOW),
  wait: (state) => afterWait(state, NOW),
};

const CASES = Object.keys(TABLE) as Case[];

describe('the breaker', () => {
  it.each(CASES)('moves as the table says: %s', (name) => {
    const state = STATES[name];
    const events = Object.entries(EVENTS) as [Event, (state: BreakerState) => BreakerState][];
    const seen = events.map(([event, apply]) => [event, apply(state)]);
    expect(seen).toEqual(
      events.map(([event]) => [event, TABLE[name][event] === SAME ? state : TABLE[name][event]]),
    );
  });

  it('opens at the first failure where one is enough', () => {
    expect(afterFailure(CLOSED, { ...SETTINGS, failures: 1 }, NOW).at).toBe('open');
  });

  it('waits longer each time, up to the longest wait', () => {
    let state: BreakerState = { at: 'closed', failures: 2 };
    const waits: number[] = [];
    for (let round = 0; round < 5; round++) {
      state = afterFailure(state, SETTINGS, NOW);
      if (state.at === 'open') waits.push(state.untilMs - NOW);
      state = afterWait(state, NOW + 10_000);
    }
    expect(waits).toEqual([100, 200, 400, 700, 700]);
  });

  it('lets everything in while closed, nothing while open or probing', () => {
    expect(CASES.slice(0, 5).map((name) => admittedShare(STATES[name], SETTINGS, NOW))).toEqual([
      1, 1, 0, 0, 0,
    ]);
  });

  it('lets in a share that grows from a twentieth to all', () => {
    const ramping: BreakerState = { at: 'ramping', sinceMs: NOW, backoffMs: 100 };
    const shares = [0, 500, 1000, 2000].map((ms) => admittedShare(ramping, SETTINGS, NOW + ms));
    expect(shares[0]).toBeCloseTo(0.05);
    expect(shares[1]).toBeCloseTo(0.525);
    expect(shares.slice(2)).toEqual([1, 1]);
    expect(admittedShare(ramping, { ...SETTINGS, rampMs: 0 }, NOW)).toBe(1);
  });
});
