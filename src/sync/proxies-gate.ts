/** Waits for the mirrors of all proxies: by what they say of their lag. */
import { setTimeout as pause } from 'node:timers/promises';
import type { MirrorGate } from './group-settling.ts';

export interface ShardLag {
  /** For how long the oldest unit has waited that is not replayed yet, in seconds; 0: there is none. */
  readonly lagSeconds: number;
}

/** What is asked of one proxy. Rejects where it can't be reached. */
export type AskLag = () => Promise<ReadonlyMap<string, ShardLag>>;

export interface ProxiesGateOptions {
  readonly shard: string;
  readonly proxies: readonly AskLag[];
  /** False: none of them is there, and nothing is to be waited for. Left out: they are. */
  readonly anyone?: () => Promise<boolean>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly timeoutMs: number;
}

/** Between what the source has answered and what its proxy has taken note of. */
const NOTICE_MS = 100;
const POLL_MS = 50;
/** For how long one that could not be asked is not asked again: it has been waited for. */
const SHUT_MS = 2000;

export class ProxiesGate implements MirrorGate {
  readonly #options: ProxiesGateOptions;
  /** Everything that was answered by then is replayed. */
  #replayedByMs = Number.NEGATIVE_INFINITY;
  #shutUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: ProxiesGateOptions) {
    this.#options = options;
  }

  now(): number {
    return this.#options.now();
  }

  async replayed(sinceMs: number): Promise<boolean> {
    const { proxies, now, timeoutMs, anyone } = this.#options;
    if (proxies.length === 0 || (await anyone?.()) === false) return true;
    const endMs = now() + timeoutMs;
    if (now() < this.#shutUntilMs) return this.#replayedByMs >= sinceMs;
    for (;;) {
      if (this.#replayedByMs >= sinceMs) return true;
      // Before then no answer could tell enough.
      const earlyMs = sinceMs + NOTICE_MS - now();
      if (earlyMs > 0) await pause(Math.ceil(earlyMs) + 1);
      if (!(await this.#ask()) || now() >= endMs) return this.#replayedByMs >= sinceMs;
      if (this.#replayedByMs < sinceMs) await pause(POLL_MS);
    }
  }

  /** False: one of them can't be asked, so that nobody knows what it still has to replay. */
  async #ask(): Promise<boolean> {
    const { proxies, now, shard } = this.#options;
    const askedAtMs = now();
    try {
      const answers = await Promise.all(proxies.map((ask) => ask()));
      // A proxy that does not serve the shard replays nothing of it.
      const lags = answers.map((shards) => shards.get(shard)?.lagSeconds ?? 0);
      this.#replayedByMs = Math.max(this.#replayedByMs, askedAtMs - NOTICE_MS - 1000 * Math.max(0, ...lags));
      return true;
    } catch {
      this.#shutUntilMs = now() + SHUT_MS;
      return false;
    }
  }
}
