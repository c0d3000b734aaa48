/** A pause of the sync by a key in etcd, set by plain etcdctl. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { readControlKey } from '../../src/control/control-keys.ts';
import { SyncPause, syncPauseKey } from '../../src/control/sync-pause.ts';
import { type Etcd, startEtcd } from '../harness/etcd.ts';
import { writeSyncConfig } from './sync-command-stage.ts';

const PREFIX = '/understudy/pause-test/';
const KEY = syncPauseKey(PREFIX);

let etcd: Etcd;
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd?.stop());

it('pauses with the key’s text as the reason, rereads it each second, and keeps it while etcd is gone', async () => {
  const place = { host: '127.0.0.1', port: 3306, database: 'unused' };
  const file = await writeSyncConfig({
    tables: '*',
    shards: { s00: { old: place, new: place } },
    more: { etcd: { hosts: [etcd.url], prefix: PREFIX } },
  });
  const settings = loadConfig(file).etcd!;
  const clock = { ms: 0 };
  const told: (string | null)[] = [];
  const pause = new SyncPause({
    etcd: settings,
    now: () => clock.ms,
    told: (fault) => told.push(fault),
  });
  try {
    expect(await pause.reason()).toBeNull();
    await etcd.put(KEY, 'backup until six');
    clock.ms += 999;
    expect(await pause.reason()).toBeNull();
    clock.ms += 1;
    expect(await pause.reason()).toBe(`the key ${KEY} is there: backup until six`);
    await etcd.kill9();
    clock.ms += 1000;
    expect(await pause.reason()).toBe(`the key ${KEY} is there: backup until six`);
    expect(told).toEqual([expect.stringContaining(etcd.url)]);
    await etcd.restart();
    await etcd.del(KEY);
    clock.ms += 1000;
    expect(await pause.reason()).toBeNull();
    expect(told.at(-1)).toBeNull();
  } finally {
    pause.close();
  }
});

it('is no key that a proxy takes for a mistake', () => {
  expect(readControlKey(PREFIX, KEY, ['s00'])).toEqual({ type: 'sync' });
});
