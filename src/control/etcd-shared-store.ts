/** The keys in etcd that the processes of one sync share. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ICompare, IRequestOp } from 'etcd3';
import { messageOf, UsageError } from '../base/errors.ts';
import type { EtcdSettings } from '../config/load.ts';
import { spanOf } from './control-ranges.ts';
import type { EtcdClient } from './etcd-client.ts';
import { renewLease } from './etcd-lease.ts';
import { EtcdLink } from './etcd-link.ts';
import { checkEtcdSettings } from './etcd-settings.ts';
import {
  type Change,
  type Condition,
  type SharedRead,
  type SharedStore,
  SharedStoreLost,
  type Span,
} from './shared-store.ts';

export interface EtcdSharedStoreOptions {
  readonly etcd: EtcdSettings;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** etcd can't be reached, for this reason; null: it can be again. */
  readonly told: (fault: string | null) => void;
  /** For how long a call is made again; before etcd has answered once, none is. */
  readonly patienceMs: number;
}

const RETRY_MS = 500;

export class EtcdSharedStore implements SharedStore {
  readonly #options: EtcdSharedStoreOptions;
  readonly #link: EtcdLink;
  /** One call at a time: one that fails costs the client, and would take the others with it. */
  #tail: Promise<unknown> = Promise.resolve();
  #state: 'unknown' | 'answering' | 'silent' | 'lost' | 'closed' = 'unknown';

  /** Throws UsageError when the settings can't work together. */
  constructor(options: EtcdSharedStoreOptions) {
    checkEtcdSettings(options.etcd);
    this.#options = options;
    this.#link = new EtcdLink(options.etcd);
  }

  read(spans: readonly Span[]): Promise<SharedRead> {
    const success = spans.map(({ prefix, after }) => ({
      request_range: {
        ...spanOf(prefix),
        ...(after === undefined ? {} : { min_mod_revision: String(after + 1) }),
      },
    }));
    return this.#steadily('for the keys of the sync', async ({ etcd }) => {
      const { header, responses } = await etcd.kv.txn({ success });
      return {
        revision: Number(header.revision),
        spans: responses.map(({ response_range: { kvs } }) =>
          kvs.map(({ key, value, create_revision, mod_revision }) => ({
            key: key.toString('utf8'),
            value: value.toString('utf8'),
            created: Number(create_revision),
            modified: Number(mod_revision),
          })),
        ),
      };
    });
  }

  commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<number | null> {
    const compare = conditions.map(compareOf);
    const success = changes.map(requestOf);
    return this.#steadily('to note how far the sync is', async ({ etcd }) => {
      try {
        const { header, succeeded } = await etcd.kv.txn({ compare, success });
        return succeeded ? Number(header.revision) : null;
      } catch (error) {
        // What a key was to be put under has ended: so has whatever its owner held by it.
        if (isLeaseGone(error)) return null;
        throw error;
      }
    });
  }

  grant(ttlSeconds: number): Promise<string> {
    return this.#steadily('for a lease', async ({ etcd }) => {
      const { ID } = await etcd.leaseClient.leaseGrant({ TTL: ttlSeconds });
      return ID;
    });
  }

  renew(lease: string): Promise<boolean> {
    return this.#steadily('to renew a lease', (client) => renewLease(client, lease));
  }

  async revoke(lease: string): Promise<void> {
    await this.#steadily('to end a lease', async ({ etcd }) => {
      try {
        await etcd.leaseClient.leaseRevoke({ ID: lease });
      } catch (error) {
        // It was not renewed in time, another has ended it, or the answer to an attempt before was lost.
        if (!isLeaseGone(error)) throw error;
      }
    });
  }

  close(): void {
    this.#state = 'closed';
    this.#link.close();
  }

  async #steadily<T>(asked: string, task: (client: EtcdClient) => Promise<T>): Promise<T> {
    const { now, patienceMs } = this.#options;
    const isHopeless = this.#state === 'unknown' || this.#state === 'lost';
    const endMs = now() + (isHopeless ? 0 : patienceMs);
    for (;;) {
      try {
        const answer = await this.#alone(asked, task);
        this.#note(null);
        return answer;
      } catch (error) {
        if (error instanceof UsageError || this.#state === 'closed') throw error;
        if (this.#state === 'unknown')
          throw new SharedStoreLost(`${messageOf(error)}; --alone goes without etcd`);
        this.#note(messageOf(error));
        if (now() >= endMs) {
          this.#state = 'lost';
          throw new SharedStoreLost(
            `${messageOf(error)}; ${patienceMs / 1000} seconds have passed without an answer. ` +
              'Nothing is lost: the same sync, started again, goes on where it was',
          );
        }
        await delay(RETRY_MS);
      }
    }
  }

  #alone<T>(asked: string, task: (client: EtcdClient) => Promise<T>): Promise<T> {
    const call = this.#tail.then(() => this.#link.use(asked, task));
    this.#tail = call.catch(() => undefined);
    return call;
  }

  #note(fault: string | null): void {
    if (this.#state === 'closed') return;
    const wasSilent = this.#state === 'silent' || this.#state === 'lost';
    if (fault !== null && this.#state === 'lost') return;
    this.#state = fault === null ? 'answering' : 'silent';
    if (wasSilent !== (fault !== null)) this.#options.told(fault);
  }
}

function isLeaseGone(error: unknown): boolean {
  return messageOf(error).includes('requested lease not found');
}

function compareOf(condition: Condition): ICompare {
  const key = Buffer.from(condition.key);
  return 'created' in condition
    ? { key, target: 'Create', result: 'Equal', create_revision: String(condition.created) }
    : { key, target: 'Mod', result: 'Equal', mod_revision: String(condition.modified) };
}

function requestOf(change: Change): IRequestOp {
  if ('remove' in change) return { request_delete_range: { key: Buffer.from(change.remove) } };
  if ('removeAll' in change) return { request_delete_range: spanOf(change.removeAll) };
  const { put, value, lease } = change;
  return { request_put: { key: Buffer.from(put), value: Buffer.from(value), lease } };
}
