/** The first order of a worker, for tests that need no server: nothing answers at its clusters' address. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { listenTlsSettings } from '../../src/config/tls-schema.ts';
import type { StartOrder } from '../../src/proxy/worker-messages.ts';

/** `folder` takes the configuration file. `certificate`: a path that TLS towards clients is to read. */
export function workerOrder(folder: string, options: { port: number; certificate?: string }): StartOrder {
  const nobody = { host: '127.0.0.1', port: 1 };
  const shard = { name: 's00', port: options.port, old: nobody, new: nobody };
  const file = join(folder, 'proxy.config.json');
  writeFileSync(file, JSON.stringify({ service: 'test', tables: '*', shards: [shard] }));
  const config = loadConfig(file);
  const { certificate } = options;
  const tls =
    certificate === undefined
      ? undefined
      : listenTlsSettings(
          { certificate, key: certificate, minVersion: 'TLSv1.2', requireTls: false },
          folder,
        );
  return {
    type: 'start',
    worker: 0,
    version: '1.0.0',
    config: { ...config, listen: { ...config.listen, tls } },
    shards: ['s00'],
    snapshot: { source: 'file', connected: true, revision: 0, appliedAtMs: 0, shards: {} },
  };
}
