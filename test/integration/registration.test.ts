import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ControlSnapshot } from '../../src/config/ratios.ts';
import { type ProxyRecord, parseProxyRecord } from '../../src/control/proxy-record.ts';
import { createRegistration, type Registration } from '../../src/control/registration.ts';
import { makeSnapshot, resolveRatios } from '../../src/control/snapshot.ts';
import { type Etcd, startEtcd } from '../harness/etcd.ts';
import { waitFor } from '../harness/wait.ts';
import { PREFIX, type RecordedLog, recordLog, writeConfig } from './control-kit.ts';

const KEY = `${PREFIX}proxies/proxy-1`;
const ADMIN = 'http://127.0.0.1:9104';

let etcd: Etcd;
let recorded: RecordedLog;
let registration: Registration;

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd.stop());
beforeEach(() => {
  recorded = recordLog();
  const config = loadConfig(writeConfig({ etcd: { hosts: [etcd.url], leaseTtlSeconds: 2 } }));
  registration = createRegistration({
    config,
    log: recorded.log,
    id: 'proxy-1',
    version: '1.2.3',
    admin: ADMIN,
    startedAtMs: 0,
    snapshot: snapshotOf(0, 5),
  });
});
afterEach(() => registration.stop());

function snapshotOf(revision: number, reads: number): ControlSnapshot {
  const shards = resolveRatios(['s00'], [{ all: { reads }, shards: {} }]);
  return makeSnapshot({ source: 'etcd', connected: true, revision, appliedAtMs: 1000, shards });
}

interface Entry {
  readonly record: ProxyRecord;
  readonly modRevision: number;
  readonly lease: string;
}

async function readEntry(): Promise<Entry | undefined> {
  // As text, because a lease's number is larger than JSON numbers hold exactly.
  const text = await etcd.ctl('get', KEY, '--write-out=json');
  const { kvs } = JSON.parse(text.replace(/"lease":(\d+)/g, '"lease":"$1"'));
  if (kvs === undefined) return undefined;
  const record = parseProxyRecord(Buffer.from(kvs[0].value, 'base64').toString());
  return record && { record, modRevision: kvs[0].mod_revision, lease: BigInt(kvs[0].lease).toString(16) };
}

const entry = (what: string, condition: (entry: Entry) => boolean = () => true): Promise<Entry> =>
  waitFor(
    async () => {
      const found = await readEntry();
      return found !== undefined && condition(found) ? found : undefined;
    },
    { what },
  );

test('says who the proxy is and what it has applied, under a lease', async () => {
  registration.start();
  const { record, lease } = await entry('the entry');
  expect(record).toMatchObject({
    id: 'proxy-1',
    pid: process.pid,
    version: '1.2.3',
    admin: ADMIN,
    startedAt: '1970-01-01T00:00:00.000Z',
    shards: { s00: { reads: 5, writes: 0, deletes: 0 } },
    revision: 0,
    appliedAt: '1970-01-01T00:00:01.000Z',
    source: 'etcd',
  });
  expect(await etcd.ctl('lease', 'timetolive', lease)).toContain('granted with TTL(2s)');
});

test('follows each applied snapshot, and writes nothing where nothing changed', async () => {
  registration.start();
  await entry('the entry');
  registration.applied(snapshotOf(7, 25));
  const { modRevision, record } = await entry('the new ratios', (found) => found.record.revision === 7);
  expect(record.shards.s00?.reads).toBe(25);
  registration.applied(snapshotOf(7, 25));
  registration.applied(snapshotOf(8, 25));
  const later = await entry('the next revision', (found) => found.record.revision === 8);
  expect(later.modRevision).toBe(modRevision + 1);
});

test('comes back after its lease was revoked, and after its entry was deleted', async () => {
  registration.start();
  const first = await entry('the entry');
  await etcd.ctl('lease', 'revoke', first.lease);
  const second = await entry('a new lease', (found) => found.lease !== first.lease);
  await etcd.ctl('del', KEY);
  const third = await entry('the entry again');
  expect(third.lease).toBe(second.lease);
  await etcd.put(KEY, JSON.stringify(third.record));
  await entry('the entry under the lease again', (found) => found.lease === second.lease);
});

test('comes back after etcd was killed and brought back', async () => {
  registration.start();
  await entry('the entry');
  await etcd.kill9();
  registration.applied(snapshotOf(9, 30));
  await waitFor(() => recorded.lines().some(({ msg }) => msg.includes('registration in etcd failed')), {
    what: 'the warning',
  });
  await etcd.restart();
  const { record } = await entry('what was applied meanwhile', (found) => found.record.revision === 9);
  expect(record.shards.s00?.reads).toBe(30);
  expect(recorded.lines().filter(({ level }) => level === 'warn').length).toBeLessThanOrEqual(3);
});

test('goes away with a stop', async () => {
  registration.start();
  await entry('the entry');
  await registration.stop();
  expect(await readEntry()).toBeUndefined();
});

test('a stop ends while etcd hangs', async () => {
  registration.start();
  await entry('the entry');
  etcd.pause();
  try {
    await registration.stop();
  } finally {
    etcd.resume();
  }
});

test('a second proxy of the same id (one that was killed and started again) takes the entry over', async () => {
  registration.start();
  const first = await entry('the entry');
  const config = loadConfig(writeConfig({ etcd: { hosts: [etcd.url], leaseTtlSeconds: 2 } }));
  const options = {
    config,
    log: silentLog(),
    id: 'proxy-1',
    version: '2.0.0',
    admin: ADMIN,
    startedAtMs: 0,
    snapshot: snapshotOf(1, 6),
  };
  const next = createRegistration(options);
  await registration.stop();
  next.start();
  try {
    await entry('the new one', (found) => found.record.version === '2.0.0' && found.lease !== first.lease);
  } finally {
    await next.stop();
  }
});

test('without etcd in the configuration there is nothing to do', async () => {
  const config = loadConfig(writeConfig());
  const idle = createRegistration({
    config,
    log: silentLog(),
    id: 'x',
    version: '1',
    admin: ADMIN,
    startedAtMs: 0,
    snapshot: snapshotOf(0, 0),
  });
  idle.start();
  idle.applied(snapshotOf(1, 1));
  await idle.stop();
});
