/** Leases of etcd, kept alive by one question at a time: etcd3's own keep-alive does not tell of each. */
import type { EtcdClient } from './etcd-client.ts';
import { CALL_TIMEOUT_MS } from './etcd-error.ts';

/** Renews once. False when etcd no longer knows the lease; rejects when etcd does not answer. */
export async function renewLease(client: EtcdClient, lease: string): Promise<boolean> {
  const stream = await client.etcd.leaseClient.leaseKeepAlive();
  try {
    return await new Promise<boolean>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error('etcd did not renew the lease in time')),
        CALL_TIMEOUT_MS,
      );
      const settled = (settle: () => void): void => {
        clearTimeout(timer);
        settle();
      };
      stream
        .on('data', (reply) => settled(() => resolve(Number(reply.TTL) > 0)))
        .on('end', () => settled(() => reject(new Error('etcd ended the renewal of the lease'))))
        .on('error', (error) => settled(() => reject(error)));
      stream.write({ ID: lease });
    });
  } finally {
    // Not cancelled: etcd3 would take that for a failure of the host and drop the other calls with it.
    stream.end();
  }
}
