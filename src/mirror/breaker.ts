/**
 * The circuit breaker of one shadow: after failures in a row nothing is sent to it for a while; then one
 * probe; then a growing share of the units, so that a server that has just come back is not run over.
 */

export interface BreakerSettings {
  readonly failures: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  readonly rampMs: number;
}

export type BreakerState =
  | { readonly at: 'closed'; readonly failures: number }
  | { readonly at: 'open'; readonly untilMs: number; readonly backoffMs: number }
  /** One connection is being tried. */
  | { readonly at: 'probing'; readonly backoffMs: number }
  /** Back, and let in step by step; a failure now opens it again with a longer wait. */
  | { readonly at: 'ramping'; readonly sinceMs: number; readonly backoffMs: number };

const RAMP_FIRST_SHARE = 0.05;

export const CLOSED: BreakerState = { at: 'closed', failures: 0 };

export function afterFailure(state: BreakerState, settings: BreakerSettings, nowMs: number): BreakerState {
  switch (state.at) {
    case 'closed': {
      const failures = state.failures + 1;
      if (failures < settings.failures) return { at: 'closed', failures };
      return { at: 'open', untilMs: nowMs + settings.backoffMinMs, backoffMs: settings.backoffMinMs };
    }
    case 'probing':
    case 'ramping': {
      const backoffMs = Math.min(state.backoffMs * 2, settings.backoffMaxMs);
      return { at: 'open', untilMs: nowMs + backoffMs, backoffMs };
    }
    case 'open':
      return state;
  }
}

export function afterSuccess(state: BreakerState, settings: BreakerSettings, nowMs: number): BreakerState {
  switch (state.at) {
    case 'closed':
      return state.failures === 0 ? state : CLOSED;
    case 'probing':
      return { at: 'ramping', sinceMs: nowMs, backoffMs: state.backoffMs };
    case 'ramping':
      return nowMs - state.sinceMs >= settings.rampMs ? CLOSED : state;
    case 'open':
      return state;
  }
}

/** An open breaker whose wait is over begins to probe. */
export function afterWait(state: BreakerState, nowMs: number): BreakerState {
  return state.at === 'open' && nowMs >= state.untilMs
    ? { at: 'probing', backoffMs: state.backoffMs }
    : state;
}

/** The share of units let in, 0 to 1. */
export function admittedShare(state: BreakerState, settings: BreakerSettings, nowMs: number): number {
  switch (state.at) {
    case 'closed':
      return 1;
    case 'open':
    case 'probing':
      return 0;
    case 'ramping': {
      if (settings.rampMs === 0) return 1;
      const grown = (nowMs - state.sinceMs) / settings.rampMs;
      return Math.min(1, RAMP_FIRST_SHARE + grown * (1 - RAMP_FIRST_SHARE));
    }
  }
}
