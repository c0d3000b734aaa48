/**
 * One client of etcd, made anew after each failure. etcd's library takes as long to load as half of all else, so
 * that it is loaded with the first use: a command without etcd starts sooner, and holds less memory.
 */
import type { EtcdSettings } from '../config/load.ts';
import type { EtcdClient } from './etcd-client.ts';
import { etcdError } from './etcd-error.ts';

export class EtcdLink {
  #settings: EtcdSettings;
  #client: EtcdClient | undefined;
  #state: 'open' | 'closed' = 'open';

  constructor(settings: EtcdSettings) {
    this.#settings = settings;
  }

  /**
   * Runs `task` on the client; whatever fails also costs the client. A login that etcd has forgotten is
   * no failure: `task` then runs once more on a new login. `asked` says in errors what etcd was asked for,
   * see `etcdError`.
   */
  async use<T>(asked: string, task: (client: EtcdClient) => Promise<T>): Promise<T> {
    const first = this.#client;
    try {
      return await this.#attempt(asked, task);
    } catch (error) {
      if (first?.loginForgotten() !== true || this.#state === 'closed') throw error;
      return await this.#attempt(asked, task);
    }
  }

  /** Drops the client too: the next use makes one by these settings. Not while a use is under way. */
  renew(settings: EtcdSettings): void {
    this.#settings = settings;
    this.reset();
  }

  /** Drops the client; the next use makes a new one. */
  reset(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  close(): void {
    this.#state = 'closed';
    this.reset();
  }

  async #attempt<T>(asked: string, task: (client: EtcdClient) => Promise<T>): Promise<T> {
    let current = 'to log in';
    try {
      const client = this.#client ?? (await openClient(this.#settings));
      current = asked;
      if (this.#state === 'closed') {
        client.close();
        throw new Error('the link to etcd was closed');
      }
      this.#client = client;
      return await task(client);
    } catch (error) {
      this.reset();
      throw etcdError(this.#settings.hosts, current, error);
    }
  }
}

async function openClient(settings: EtcdSettings): Promise<EtcdClient> {
  const { openEtcd } = await import('./etcd-client.ts');
  return openEtcd(settings);
}
