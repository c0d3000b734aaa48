/** How long a chaos test goes on, and the seed that makes its choices: both settable, both printed. */
import { createRandom, type Random } from '../harness/random.ts';

const SECONDS_SHORT = 3;
const SECONDS_FULL = 60;
const SECONDS_MAX = 86_400;
const SEED_MAX = 0xffff_ffff;
/** Booting servers, healing and the last comparison, on a busy machine. */
const MARGIN_MS = 240_000;

export interface ChaosRun {
  readonly seed: number;
  /** Of load under faults; what comes before and after is not counted. */
  readonly seconds: number;
  /** It goes on for as long as a full run or longer: the figures that are promised must be reached. */
  readonly full: boolean;
  /** For a test's title, so that a failure names its seed. */
  readonly title: string;
  /** A test's time limit. */
  readonly timeoutMs: number;
  /** Choices of one actor: its own sequence, which no other actor's pace can shift. */
  random(actor: number): Random;
  /** A figure for whoever watches. */
  say(text: string): void;
  /** A clock that starts now: true once `seconds` are over. */
  clock(): () => boolean;
}

/**
 * Reads UNDERSTUDY_SEED, UNDERSTUDY_CHAOS_SECONDS and UNDERSTUDY_CHAOS ("short"). Throws where one of them is
 * not a number in range.
 */
export function chaosRun(suite: string, environment: NodeJS.ProcessEnv = process.env): ChaosRun {
  const short = environment.UNDERSTUDY_CHAOS === 'short';
  const seed = numberFrom(environment, 'UNDERSTUDY_SEED', SEED_MAX) ?? Math.floor(Math.random() * SEED_MAX);
  const seconds =
    numberFrom(environment, 'UNDERSTUDY_CHAOS_SECONDS', SECONDS_MAX) ??
    (short ? SECONDS_SHORT : SECONDS_FULL);
  const title = `UNDERSTUDY_SEED=${seed} UNDERSTUDY_CHAOS_SECONDS=${seconds}`;
  const say = (text: string): void => void process.stderr.write(`chaos ${suite}: ${text}\n`);
  say(title);
  return {
    seed,
    seconds,
    full: seconds >= SECONDS_FULL,
    title,
    say,
    timeoutMs: 2 * seconds * 1000 + MARGIN_MS,
    random: (actor) => createRandom(seed * 31 + actor * 7919),
    clock() {
      const end = performance.now() + seconds * 1000;
      return () => performance.now() >= end;
    },
  };
}

function numberFrom(environment: NodeJS.ProcessEnv, name: string, max: number): number | undefined {
  const text = environment[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new Error(`${name} must be a whole number from 0 to ${max}, and is "${text}"`);
  return value;
}
