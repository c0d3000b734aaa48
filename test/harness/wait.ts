/** Tests wait for a condition, never for a time. */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../src/base/errors.ts';

/** What holds on a quiet machine within milliseconds may take so long where it has thirty things to do at a time. */
const TIMEOUT_MS = 45_000;
const POLL_MIN_MS = 5;
const POLL_MAX_MS = 100;

export interface WaitOptions {
  /** Milliseconds until the wait is given up. */
  readonly timeoutMs?: number;
  /** What is waited for, as a noun phrase: "the shadow to hold 3 rows". */
  readonly what: string;
}

/**
 * Polls `condition` until it gives something other than false, null or undefined, and returns that.
 * A throw counts as "not yet"; the error at the deadline shows the last throw or value.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, false | null | undefined>> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const deadline = performance.now() + timeoutMs;
  let pauseMs = POLL_MIN_MS;
  let last = 'nothing was seen';
  for (;;) {
    try {
      const value = await condition();
      if (holds(value)) return value;
      last = `last seen: ${String(value)}`;
    } catch (error) {
      last = `last error: ${messageOf(error)}`;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${options.what}; ${last}`);
    }
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 1.5, POLL_MAX_MS);
  }
}

function holds<T>(value: T): value is Exclude<T, false | null | undefined> {
  return value !== false && value !== null && value !== undefined;
}
