/** What `--keep` leaves running, and how to lay hands on it. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { messageOf } from '../../src/base/errors.ts';
import { PROMETHEUS_FILES } from '../../test/harness/deploy-files.ts';
import { type Prometheus, startPrometheus } from '../../test/harness/prometheus.ts';
import { MAIN } from '../../test/harness/proxy.ts';
import { APP, type Cluster, PREFIX } from './cluster.ts';
import type { Style } from './text.ts';

const SHARDS_SHOWN = 4;

/** Starts a Prometheus with the shipped alerts; the reason in words where there is none. */
export async function startWatcher(cluster: Cluster): Promise<Prometheus | string> {
  const alerts = join(PROMETHEUS_FILES, 'alerts.yml');
  if (!existsSync(alerts)) return 'deploy/prometheus/alerts.yml is missing';
  try {
    return await startPrometheus({
      targets: [new URL(cluster.proxy.adminUrl).host],
      ruleFiles: [alerts],
    });
  } catch (error) {
    const reason = messageOf(error);
    return `${reason.split('\n')[0]} (Debian's package is "prometheus")`;
  }
}

export function keepText(cluster: Cluster, watcher: Prometheus | string, style: Style): string {
  const { shards, etcd, proxy, passwords } = cluster;
  const understudy = `node ${relative(process.cwd(), MAIN)}`;
  const client = (port: number, account: string, database: string) =>
    `mariadb --host 127.0.0.1 --port ${port} ${account} ${database}`;
  const app = `--user ${APP.user} --password=${APP.password}`;
  const shown = shards.slice(0, SHARDS_SHOWN);
  return [
    '',
    style.bold('Everything is left running, under a quiet load. Ctrl-C ends it and leaves nothing behind.'),
    '',
    'a client through the proxy',
    ...shown.map(({ port, old }) => `  ${client(port, app, old.database)}`),
    ...(shards.length > shown.length ? [`  … and ${shards.length - shown.length} more shards`] : []),
    'the old cluster directly, and the new one',
    ...shown
      .slice(0, 1)
      .flatMap((shard) => [
        `  ${client(shard.old.server.port, '--user root', shard.old.database)}`,
        `  ${client(shard.new.server.port, '--user root', shard.new.database)}`,
      ]),
    'turn a ratio, for all shards or for one',
    `  export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=${etcd.url}`,
    `  export CONFIG=${proxy.configFile}`,
    `  etcdctl put ${PREFIX}mirror/reads 25`,
    `  etcdctl put ${PREFIX}shards/${shards[0]?.name}/mirror/reads 50`,
    `  ${understudy} ratio set reads=25 writes=100 deletes=100 --config $CONFIG`,
    'find every row that differs, and repair it',
    `  export UNDERSTUDY_OLD_PASSWORD=${passwords.old} UNDERSTUDY_NEW_PASSWORD=${passwords.new}`,
    `  ${understudy} sync --full --check --config $CONFIG`,
    `  ${understudy} sync --config $CONFIG`,
    'look',
    `  ${understudy} status --config $CONFIG`,
    `  ${proxy.adminUrl}/metrics`,
    typeof watcher === 'string'
      ? `  no Prometheus: ${watcher}`
      : `  ${watcher.url}   Prometheus, with the alerts of deploy/prometheus/alerts.yml`,
    '',
  ].join('\n');
}
