/** SIGHUP: new certificates towards etcd, in one process and with workers, under ratios that stay. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Etcd, startEtcd } from '../harness/etcd.ts';
import { freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { type Certificates, makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';

const PREFIX = '/understudy/test/';

/** Files that can be replaced by others. */
class Folder {
  readonly certificates: Certificates;

  constructor(name: string, first: Certificates) {
    const folder = temporaryDirectory(name);
    const pair = (of: string) => ({
      certificate: join(folder, `${of}.pem`),
      key: join(folder, `${of}-key.pem`),
    });
    this.certificates = { ca: join(folder, 'ca.pem'), server: pair('server'), client: pair('client') };
    this.put(first);
  }

  put({ ca, server, client }: Certificates): void {
    const own = this.certificates;
    copyFileSync(ca, own.ca);
    for (const [from, to] of [
      [server, own.server],
      [client, own.client],
    ] as const) {
      copyFileSync(from.certificate, to.certificate);
      copyFileSync(from.key, to.key);
    }
  }
}

let before: Certificates;
let after: Certificates;
let ofEtcd: Folder;
let ours: Folder;
let etcd: Etcd;
let proxies: readonly RunningProxy[] = [];
beforeAll(async () => {
  [before, after] = await Promise.all([makeCertificates(), makeCertificates()]);
  ofEtcd = new Folder('etcd-files', before);
  ours = new Folder('our-files', before);
  etcd = await startEtcd({ tls: ofEtcd.certificates });
  proxies = await Promise.all([1, 2].map(start));
});
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.kill9()));
  await etcd?.stop();
});

/** Neither of its clusters is there: the ratios need none. */
async function start(workers: number): Promise<RunningProxy> {
  const [nobody = 0, ...ports] = await freePorts(3);
  const cluster = { host: '127.0.0.1', port: nobody };
  const { ca, client } = ours.certificates;
  return startProxy({
    config: {
      workers,
      shards: ports.map((port, index) => ({ name: `s0${index}`, port, old: cluster, new: cluster })),
      etcd: { hosts: [etcd.url], prefix: PREFIX, ca, ...client },
    },
  });
}

const hangUp = (): void => {
  for (const { pid } of proxies) process.kill(pid, 'SIGHUP');
};

/** Waits until the metric has the value on every proxy. */
async function everywhere(metric: string, value: number, labels = {}): Promise<void> {
  const holds = async (): Promise<boolean> => {
    const values = await Promise.all(proxies.map((proxy) => proxy.metric(metric, labels)));
    return values.every((each) => each === value);
  };
  await waitFor(holds, { what: `${metric} to be ${value} everywhere` });
}

const ratio = (percent: number): Promise<void> =>
  everywhere('understudy_mirror_ratio', percent, { shard: 's01', kind: 'read' });

const everyLog = (text: string): Promise<boolean> =>
  waitFor(() => proxies.every((proxy) => proxy.logs().includes(text)), { what: `"${text}" in the logs` });

it('new files bring the connection back that the old ones lost, and bad ones change nothing', async () => {
  await everywhere('understudy_control_connected', 1);
  await etcd.put(`${PREFIX}mirror/reads`, '10');
  await ratio(10);

  hangUp();
  await everyLog('"place":"etcd"');
  await etcd.put(`${PREFIX}mirror/reads`, '20');
  await ratio(20);
  for (const proxy of proxies) expect(proxy.logs()).not.toContain('etcd is away');

  ofEtcd.put(after);
  await etcd.restart();
  await everywhere('understudy_control_connected', 0);
  await ratio(20);

  ours.put(after);
  hangUp();
  await everywhere('understudy_control_connected', 1);
  await etcd.put(`${PREFIX}mirror/reads`, '30');
  await ratio(30);
  const registered = async (): Promise<boolean> => {
    const records = [...(await etcd.list(`${PREFIX}proxies/`)).values()].map((text) => JSON.parse(text));
    return records.length === 2 && records.every(({ shards }) => shards.s01.reads === 30);
  };
  await waitFor(registered, { what: 'both proxies to be registered with these ratios' });

  writeFileSync(ours.certificates.client.key, 'no key');
  hangUp();
  await everywhere('understudy_tls_reload_failures_total', 1);
  await etcd.put(`${PREFIX}mirror/reads`, '40');
  await ratio(40);
  for (const proxy of proxies)
    expect(
      await proxy.metric('understudy_tls_certificate_expiry_timestamp_seconds', { place: 'etcd' }),
    ).toBeGreaterThan(Date.now() / 1000);
});
