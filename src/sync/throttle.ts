/** Holds the sync's queries up while a server has enough to do, or somebody wants a pause. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerLoad } from './server-load.ts';

export interface ThrottleOptions {
  /** The servers that queries of a shard go to. */
  readonly serversOf: (shard: string) => Promise<readonly Pick<ServerLoad, 'busy'>[]>;
  /** Why everybody is to wait, as a sentence; null: nobody wants that. Never rejects. */
  readonly paused: () => Promise<string | null>;
  /** Somebody waits from now on, for this reason; null: nobody does any more. */
  readonly told: (shard: string, reason: string | null) => void;
  readonly stop: AbortSignal;
}

const LOOK_AGAIN_MS = 250;

export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #waiting = new Map<string, string>();

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  /** By shard: why it waits. */
  get waiting(): ReadonlyMap<string, string> {
    return this.#waiting;
  }

  /** Resolves when the shard's servers may be asked, or the sync is to end. Rejects where they can't be reached. */
  async turn(shard: string): Promise<void> {
    const { stop } = this.#options;
    while (!stop.aborted) {
      const reason = await this.#reason(shard);
      this.#note(shard, reason);
      if (reason === null) return;
      await delay(LOOK_AGAIN_MS);
    }
  }

  async #reason(shard: string): Promise<string | null> {
    const { serversOf, paused } = this.#options;
    const reason = await paused();
    if (reason !== null) return reason;
    const answers = await Promise.all((await serversOf(shard)).map((server) => server.busy()));
    return answers.find((answer) => answer !== null) ?? null;
  }

  #note(shard: string, reason: string | null): void {
    if ((this.#waiting.get(shard) ?? null) === reason) return;
    if (reason === null) this.#waiting.delete(shard);
    else this.#waiting.set(shard, reason);
    this.#options.told(shard, reason);
  }
}
