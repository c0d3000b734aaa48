import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Etcd, startEtcd } from '../harness/etcd.ts';
import { makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';
import { type Controlled, type CuttableLink, openLink, PREFIX, startControl } from './control-kit.ts';

let etcd: Etcd;
const running: Controlled[] = [];

async function start(settings: Record<string, unknown> = {}): Promise<Controlled> {
  const controlled = await startControl({ etcd: { hosts: [etcd.url], rereadMs: 500, ...settings } });
  running.push(controlled);
  return controlled;
}

const reads = (controlled: Controlled, shard = 's00'): number | undefined =>
  controlled.control.current().shards[shard]?.reads;

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ control }) => control.stop()));
});

describe('with one etcd', () => {
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd.stop());
  beforeEach(async () => {
    await etcd.ctl('del', '--prefix', PREFIX);
  });

  test('invariant 7: a plain etcdctl put reaches every proxy by the watch', async () => {
    // With this reread the watch alone can bring the change within the time that the test waits.
    const both = [await start({ rereadMs: 60_000 }), await start({ rereadMs: 60_000 })];
    for (const { control, metrics } of both) {
      expect(control.current()).toMatchObject({
        source: 'etcd',
        connected: true,
        shards: { s00: { reads: 1, writes: 2, deletes: 3 } },
      });
      expect(metrics.connected).toBe(true);
    }
    await etcd.put(`${PREFIX}mirror/reads`, '25');
    for (const controlled of both) {
      const snapshot = await controlled.until('25 % of reads', ({ shards }) => shards.s00?.reads === 25);
      expect(snapshot.shards).toEqual({
        s00: { reads: 25, writes: 2, deletes: 3 },
        s01: { reads: 25, writes: 2, deletes: 3 },
      });
      expect(Object.isFrozen(snapshot)).toBe(true);
      expect(controlled.snapshots.at(-1)).toBe(snapshot);
    }
  });

  test('a shard’s override counts for it alone; deletes fall back to the value for all, then to the file', async () => {
    const controlled = await start();
    await etcd.put(`${PREFIX}mirror/reads`, '25');
    await etcd.put(`${PREFIX}shards/s01/mirror/reads`, '99.5');
    await controlled.until('the override', ({ shards }) => shards.s01?.reads === 99.5);
    expect(reads(controlled, 's00')).toBe(25);
    await etcd.ctl('del', `${PREFIX}shards/s01/mirror/reads`);
    await controlled.until('the value for all', ({ shards }) => shards.s01?.reads === 25);
    await etcd.ctl('del', `${PREFIX}mirror/reads`);
    await controlled.until('the file’s value', ({ shards }) => shards.s01?.reads === 1);
  });

  test('a bad value is refused, logged and counted once; the last good one stays', async () => {
    await etcd.put(`${PREFIX}mirror/reads`, '25');
    const controlled = await start();
    await etcd.put(`${PREFIX}mirror/reads`, 'all\u001b[31m');
    await waitFor(() => controlled.metrics.rejections === 1, { what: 'the refusal' });
    await etcd.put(`${PREFIX}mirror/writes`, '7');
    await controlled.until('a later good value', ({ shards }) => shards.s00?.writes === 7);
    expect(reads(controlled)).toBe(25);
    expect(controlled.metrics.rejections).toBe(1);
    expect(controlled.lines().filter(({ msg }) => msg.includes('refused'))).toMatchObject([
      { level: 'warn', key: `${PREFIX}mirror/reads`, value: 'all?[31m' },
    ]);
    await etcd.put(`${PREFIX}mirror/reads`, '101');
    await waitFor(() => controlled.metrics.rejections === 2, { what: 'the second refusal' });
    await etcd.put(`${PREFIX}mirror/reads`, ' 26\n');
    await controlled.until('the good value', ({ shards }) => shards.s00?.reads === 26);
  });

  test('unknown keys are ignored and warned about once', async () => {
    await etcd.put(`${PREFIX}shards/s99/mirror/reads`, '5');
    await etcd.put(`${PREFIX}mirror/all`, '5');
    const controlled = await start();
    await etcd.put(`${PREFIX}mirror/all`, '6');
    await etcd.put(`${PREFIX}mirror/reads`, '25');
    await controlled.until('25 % of reads', ({ shards }) => shards.s00?.reads === 25);
    const warned = controlled.lines().filter(({ msg }) => msg.includes('is ignored'));
    expect(warned.map(({ key }) => key).sort()).toEqual([
      `${PREFIX}mirror/all`,
      `${PREFIX}shards/s99/mirror/reads`,
    ]);
    expect(controlled.metrics.rejections).toBe(0);
  });

  test('a registration of a proxy is no change of the ratios', async () => {
    const controlled = await start();
    const before = controlled.control.current();
    await etcd.put(`${PREFIX}proxies/a`, '{}');
    await etcd.put(`${PREFIX}mirror/reads`, '25');
    await controlled.until('25 % of reads', ({ shards }) => shards.s00?.reads === 25);
    expect(controlled.snapshots.filter(({ revision }) => revision > before.revision)).toHaveLength(1);
  });

  test('etcd killed with -9 and brought back: the last values stay, then changes come again', async () => {
    await etcd.put(`${PREFIX}mirror/reads`, '25');
    await etcd.put(`${PREFIX}mirror/writes`, 'bad');
    const controlled = await start();
    await etcd.kill9();
    await controlled.until('the loss', ({ connected }) => !connected);
    expect(controlled.metrics.connected).toBe(false);
    expect(reads(controlled)).toBe(25);
    await etcd.restart();
    await controlled.until('the return', ({ connected }) => connected);
    expect(controlled.metrics.connected).toBe(true);
    await etcd.put(`${PREFIX}mirror/reads`, '30');
    await controlled.until('30 % of reads', ({ shards }) => shards.s00?.reads === 30);
    expect(controlled.metrics.rejections).toBe(1);
    expect(controlled.lines().filter(({ msg }) => msg.includes('etcd is away'))).toHaveLength(1);
  });

  test('etcd that falls silent (SIGSTOP) is noticed, and a change made on its return is seen', async () => {
    const controlled = await start();
    etcd.pause();
    try {
      await controlled.until('the loss', ({ connected }) => !connected);
    } finally {
      etcd.resume();
    }
    await etcd.put(`${PREFIX}mirror/reads`, '31');
    await controlled.until('31 % of reads', ({ connected, shards }) => connected && shards.s00?.reads === 31);
  });
});

describe('over a link that can be cut', () => {
  let link: CuttableLink;
  beforeAll(async () => {
    etcd = await startEtcd();
    link = await openLink(etcd.port);
  });
  afterAll(async () => {
    await link.close();
    await etcd.stop();
  });
  const settings = () => ({ hosts: [`http://127.0.0.1:${link.port}`] });

  test('changes made and compacted away while the proxy was cut off are there afterwards', async () => {
    await etcd.put(`${PREFIX}mirror/reads`, '25');
    const controlled = await start(settings());
    link.cut();
    await controlled.until('the loss', ({ connected }) => !connected);
    await etcd.ctl('del', `${PREFIX}mirror/reads`);
    await etcd.put(`${PREFIX}mirror/writes`, '44');
    const { revision } = JSON.parse(await etcd.ctl('get', PREFIX, '--write-out=json')).header;
    await etcd.ctl('compact', String(revision));
    link.mend();
    await controlled.until(
      'the new state',
      ({ connected, shards }) => connected && shards.s00?.writes === 44,
    );
    expect(reads(controlled)).toBe(1);
  });

  test('a watch that fell silent is made good by the reread and opened anew', async () => {
    const first = link.connections();
    const controlled = await start({ ...settings(), rereadMs: 300 });
    await waitFor(() => link.connections() === first + 2, { what: 'a connection to read and one to watch' });
    link.freeze((index) => index === first + 1);
    await etcd.put(`${PREFIX}mirror/reads`, '77');
    await controlled.until('77 % of reads', ({ shards }) => shards.s00?.reads === 77);
    await waitFor(() => controlled.lines().some(({ msg }) => msg.includes('missed a change')), {
      what: 'the note',
    });
    await waitFor(() => link.connections() === first + 4, { what: 'two new connections' });
    expect(controlled.snapshots.every(({ connected }) => connected)).toBe(true);
  });

  test('connections that hang without an end are replaced', async () => {
    const controlled = await start({ ...settings(), rereadMs: 300 });
    link.freeze(() => true);
    await controlled.until('the loss', ({ connected }) => !connected);
    await etcd.put(`${PREFIX}mirror/reads`, '78');
    await controlled.until('78 % of reads', ({ connected, shards }) => connected && shards.s00?.reads === 78);
  });

  test('etcd is away at the start: the file’s ratios, until it is there', async () => {
    await etcd.put(`${PREFIX}mirror/reads`, '79');
    link.cut();
    const controlled = await start(settings());
    expect(controlled.control.current()).toMatchObject({
      connected: false,
      revision: 0,
      shards: { s00: { reads: 1 } },
    });
    expect(controlled.metrics.connected).toBe(false);
    link.mend();
    await controlled.until('etcd’s ratios', ({ connected, shards }) => connected && shards.s00?.reads === 79);
  });
});

describe('with accounts', () => {
  const auth = { user: 'control', password: 'a:b c' };
  beforeAll(async () => {
    etcd = await startEtcd({ auth: { user: 'root', password: 'r' } });
    await etcd.ctl('user', 'add', `${auth.user}:${auth.password}`);
    await etcd.ctl('role', 'add', 'control');
    await etcd.ctl('role', 'grant-permission', 'control', '--prefix=true', 'readwrite', PREFIX);
    await etcd.ctl('user', 'grant-role', 'control', 'control');
  });
  afterAll(() => etcd.stop());

  test('an account that may use the prefix alone is enough, also after etcd has forgotten all logins', async () => {
    const controlled = await start(auth);
    expect(controlled.control.current().connected).toBe(true);
    await etcd.put(`${PREFIX}mirror/reads`, '25');
    await controlled.until('25 % of reads', ({ shards }) => shards.s00?.reads === 25);
    await etcd.restart();
    await etcd.put(`${PREFIX}mirror/reads`, '26');
    await controlled.until('26 % of reads', ({ connected, shards }) => connected && shards.s00?.reads === 26);
  });

  test('a login that alone was forgotten is renewed without a loss', async () => {
    const controlled = await start({ ...auth, rereadMs: 60_000 });
    await etcd.ctl('auth', 'disable');
    await etcd.ctl('auth', 'enable');
    for (const reads of [51, 52]) {
      await etcd.put(`${PREFIX}mirror/reads`, String(reads));
      await controlled.until(`${reads} % of reads`, ({ shards }) => shards.s00?.reads === reads);
    }
    expect(controlled.snapshots.every(({ connected }) => connected)).toBe(true);
  });

  test('a wrong password is told, without the password', async () => {
    const controlled = await start({ ...auth, password: 'a wrong one' });
    expect(controlled.control.current().connected).toBe(false);
    expect(JSON.stringify(controlled.lines())).toMatch(
      /asking etcd at .* to log in failed: denied: authentication failed/,
    );
    expect(JSON.stringify(controlled.lines())).not.toContain('a wrong one');
  });
});

test('TLS with the authority and a client certificate', async () => {
  const tls = await makeCertificates();
  etcd = await startEtcd({ tls });
  try {
    const without = await start({ ca: tls.ca });
    expect(without.control.current().connected).toBe(false);
    expect(without.lines().find(({ msg }) => msg.includes('etcd is away'))).toMatchObject({
      reason: expect.stringMatching(/ failed: certificate: etcd does not take ours/),
    });
    const ours = { ca: tls.ca, certificate: tls.client.certificate, key: tls.client.key };
    const elsewhere = await start({ ...ours, serverName: 'other.example' });
    expect(elsewhere.control.current().connected).toBe(false);
    const controlled = await start({ ...ours, serverName: 'localhost' });
    expect(controlled.control.current().connected).toBe(true);
    await etcd.put(`${PREFIX}mirror/reads`, '25');
    await controlled.until('25 % of reads', ({ shards }) => shards.s00?.reads === 25);
  } finally {
    await etcd.stop();
  }
});
