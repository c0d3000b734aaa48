/** One process among those that share a sync: what it holds in etcd is under a lease, and goes when it is heard of no more. */
import { setTimeout as delay } from 'node:timers/promises';
import type { SharedStore } from '../control/shared-store.ts';

export interface JobMemberOptions {
  readonly store: SharedStore;
  /** Unique among all processes that ever shared the job; no "/". */
  readonly id: string;
  /** Where this process says that it is there, and what it says. */
  readonly key: string;
  readonly value: string;
  readonly ttlSeconds: number;
  /** Under which the job itself is kept. */
  readonly jobLease: string;
}

/** In the time that a lease lasts it is renewed so often. */
const BEATS = 3;

export class JobMember {
  readonly id: string;
  readonly jobLease: string;
  readonly #options: JobMemberOptions;
  readonly #ending = new AbortController();
  #lease = '';
  #beating: Promise<void> = Promise.resolve();

  constructor(options: JobMemberOptions) {
    this.id = options.id;
    this.jobLease = options.jobLease;
    this.#options = options;
  }

  /** What is put under it goes with this process. Another one after the first was lost. */
  get lease(): string {
    return this.#lease;
  }

  /** `current`: the key of the job, and the revision that made it. False: that job is over. */
  async join(current: { readonly key: string; readonly created: number }): Promise<boolean> {
    const { store, key, value, ttlSeconds } = this.#options;
    this.#lease = await store.grant(ttlSeconds);
    if ((await store.commit([current], [{ put: key, value, lease: this.#lease }])) === null) {
      await store.revoke(this.#lease);
      return false;
    }
    this.#beating = this.#beat();
    return true;
  }

  /** Everything that it holds is free for others at once. */
  async leave(): Promise<void> {
    this.#ending.abort();
    await this.#beating;
    // A lease that can't be ended now ends by itself.
    await this.#options.store.revoke(this.#lease).catch(() => undefined);
  }

  async #beat(): Promise<void> {
    const { ttlSeconds } = this.#options;
    const { signal } = this.#ending;
    for (;;) {
      await delay((ttlSeconds * 1000) / BEATS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      // Whoever needs etcd more than this is told of what is wrong with it.
      await this.#renew().catch(() => undefined);
    }
  }

  async #renew(): Promise<void> {
    const { store, key, value, ttlSeconds, jobLease } = this.#options;
    await store.renew(jobLease);
    if (await store.renew(this.#lease)) return;
    this.#lease = await store.grant(ttlSeconds);
    await store.commit([], [{ put: key, value, lease: this.#lease }]);
  }
}
