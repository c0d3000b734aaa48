/** When a unit that the shadow turned down is run once more, and after how long a pause. */
import type { UnitResult } from './lane.ts';

/** The shadow's errors after which the same unit may succeed: a deadlock, which is nobody's fault, and a lock wait that took too long. */
const RETRYABLE: ReadonlySet<number> = new Set([1213, 1205]);
const ATTEMPTS_MAX = 10;
const PAUSE_MIN_MS = 5;
const PAUSE_MAX_MS = 250;

export function isRetryable({ outcome, errno }: UnitResult): boolean {
  return outcome !== 'lost' && RETRYABLE.has(errno);
}

/** Units wait behind it: past the time that any replay may take (`limitMs`) it is given up. */
export function mayRetry(attempts: number, sinceFirstMs: number, limitMs: number): boolean {
  return attempts < ATTEMPTS_MAX && sinceFirstMs < limitMs;
}

/** Doubles with each attempt; `random` (0 to 1) takes up to half off, so that two units that met do not meet again. */
export function pauseMs(attempts: number, random: number): number {
  const longest = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** (attempts - 1));
  return longest * (1 - random / 2);
}
