/** One client of etcd, made anew after each failure. */
import type { EtcdSettings } from '../config/load.ts';
import { type EtcdClient, openEtcd } from './etcd-client.ts';

export class EtcdLink {
  private readonly settings: EtcdSettings;
  private client: EtcdClient | undefined;
  private state: 'open' | 'closed' = 'open';

  constructor(settings: EtcdSettings) {
    this.settings = settings;
  }

  /**
   * Runs `task` on the client; whatever fails also costs the client. A login that etcd has forgotten is
   * no failure: `task` then runs once more on a new login.
   */
  async use<T>(task: (client: EtcdClient) => Promise<T>): Promise<T> {
    const first = this.client;
    try {
      return await this.attempt(task);
    } catch (error) {
      if (first?.loginForgotten() !== true || this.state === 'closed') throw error;
      return await this.attempt(task);
    }
  }

  /** Drops the client; the next use makes a new one. */
  reset(): void {
    this.client?.close();
    this.client = undefined;
  }

  close(): void {
    this.state = 'closed';
    this.reset();
  }

  private async attempt<T>(task: (client: EtcdClient) => Promise<T>): Promise<T> {
    try {
      const client = this.client ?? (await openEtcd(this.settings));
      if (this.state === 'closed') {
        client.close();
        throw new Error('the link to etcd was closed');
      }
      this.client = client;
      return await task(client);
    } catch (error) {
      this.reset();
      throw error;
    }
  }
}
