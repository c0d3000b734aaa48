/** What the tests of TLS share: servers with certificates, and proxies with TLS on either side, both, or neither. */
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import type { Certificates } from '../harness/tls.ts';

export const LEGS = {
  'plain / plain': { client: false, old: false },
  'TLS / plain': { client: true, old: false },
  'plain / TLS': { client: false, old: true },
  'TLS / TLS': { client: true, old: true },
} as const;

export type LegsName = keyof typeof LEGS;

export function startTlsMariadb(name: string, certificates: Certificates): Promise<SqlServer> {
  return startMariadb({ name, ed25519: true, extra: mariadbTls(certificates) });
}

export function startTlsMysql(name: string, certificates: Certificates): Promise<SqlServer> {
  return startMysql({ name, tls: certificates });
}

export function mariadbTls({ ca, server }: Certificates): string[] {
  return [`--ssl-ca=${ca}`, `--ssl-cert=${server.certificate}`, `--ssl-key=${server.key}`];
}

export function listenTls({ server }: Certificates): Record<string, unknown> {
  return { certificate: server.certificate, key: server.key };
}

export interface ShardPlan {
  readonly name: string;
  readonly old: { readonly host: string; readonly port: number };
  readonly fresh: { readonly host: string; readonly port: number };
}

/** A proxy with one shard for each plan; everything is mirrored. */
export async function startTlsProxy(
  plans: readonly ShardPlan[],
  config: Readonly<Record<string, unknown>>,
): Promise<RunningProxy> {
  const ports = await freePorts(plans.length);
  const shards = plans.map(({ name, old, fresh }, index) => ({
    name,
    port: ports[index] ?? 0,
    old: { host: old.host, port: old.port, database: 'app' },
    new: { host: fresh.host, port: fresh.port, database: 'app_new' },
  }));
  return startProxy({
    config: { shards, mirror: { reads: 100, writes: 100, deletes: 100 }, compare: 100, ...config },
  });
}
