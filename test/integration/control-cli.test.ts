import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createRegistration } from '../../src/control/registration.ts';
import type { StatusReport } from '../../src/observe/status.ts';
import { type CliResult, runCli, runCommand } from '../harness/cli.ts';
import { type Etcd, startEtcd } from '../harness/etcd.ts';
import { journalStatus } from '../harness/journal-status.ts';
import { freePort } from '../harness/ports.ts';
import { MAIN } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import { configContent, makeControl, PREFIX, writeConfig } from './control-kit.ts';

const run = (file: string, ...args: string[]): Promise<CliResult> => runCli([...args, '--config', file]);

/** Cleaned up after each test, the last first. */
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('ratio on the file', () => {
  let file: string;
  beforeEach(() => {
    file = writeConfig();
  });

  test('get shows what is in force, as text and as JSON', async () => {
    const text = await run(file, 'ratio', 'get');
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^s01 +1 +2 +3$/m);
    const json = await run(file, 'ratio', 'get', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      source: 'file',
      all: { reads: 1, writes: 2, deletes: 3 },
      shards: { s00: { reads: 1 } },
    });
  });

  test('set changes the mirror section alone, keeps the mode and leaves nothing beside', async () => {
    chmodSync(file, 0o640);
    expect(await run(file, 'ratio', 'set', 'reads=25', 'deletes=0.5')).toMatchObject({ code: 0, stderr: '' });
    const shard = await run(file, 'ratio', 'set', 'writes=100', '--shard', 's01');
    expect(shard.stdout).toMatch(/^s01 +25 +100\* +0\.5$/m);
    const expected = {
      ...configContent(),
      mirror: { reads: 25, writes: 2, deletes: 0.5, shards: { s01: { writes: 100 } } },
    };
    expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(expected, null, 2)}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(dirname(file))).toEqual(['proxy.config.json']);
  });

  test('set for all names the shards that keep their own, and --all takes those away', async () => {
    await run(file, 'ratio', 'set', 'reads=50', 'writes=7', '--shard', 's01');
    const kept = await run(file, 'ratio', 'set', 'reads=0');
    expect(kept.code).toBe(0);
    expect(kept.stderr).toContain(
      `  s01 reads=50, not 0; take it back: understudy ratio unset reads --shard s01 --config ${file}\n`,
    );
    const removed = await run(file, 'ratio', 'set', 'reads=0', '--all');
    expect(removed).toMatchObject({ code: 0, stderr: '' });
    expect(removed.stdout).toMatch(/^s01 +0 +7\* +3$/m);
  });

  test('unset falls back', async () => {
    await run(file, 'ratio', 'set', 'reads=25', '--shard', 's01');
    const unset = await run(file, 'ratio', 'unset', 'reads', '--shard', 's01');
    expect(unset.stdout).toMatch(/^s01 +1 +2 +3$/m);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(configContent());
  });

  test('a running control takes up what set wrote', async () => {
    const controlled = makeControl(loadConfig(file));
    await controlled.control.start();
    cleanups.push(() => controlled.control.stop());
    await run(file, 'ratio', 'set', 'reads=25');
    await controlled.until('25 % of reads', ({ shards }) => shards.s00?.reads === 25);
    expect(controlled.metrics.rejections).toBe(0);
  });

  test('every bad argument is told at once, and nothing is written', async () => {
    const before = readFileSync(file, 'utf8');
    const bad = await run(file, 'ratio', 'set', 'reads=101', 'wirtes=5', 'deletes=7', '--shard', 's9');
    expect(bad).toMatchObject({ code: 2, stdout: '' });
    expect(bad.stderr.trim().split('\n')).toHaveLength(3);
    expect(bad.stderr).toContain('it has s00, s01');
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});

describe('the command line itself', () => {
  test('usage errors end with 2, help and version with 0', async () => {
    const file = writeConfig();
    expect(await runCli(['ratio', 'set', '--nonsense'])).toMatchObject({ code: 2 });
    expect(await runCli(['nonsense'])).toMatchObject({ code: 2 });
    expect(await runCli(['ratio', 'get', '--config', `${file}.missing`])).toMatchObject({
      code: 2,
      stdout: '',
    });
    expect(await runCli(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    const help = await runCli(['ratio', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('unset');
  });
});

function report(id: string, changes: Partial<StatusReport> = {}): StatusReport {
  return {
    id,
    service: 'test',
    version: '1.0.0',
    pid: 1,
    startedAt: new Date(0).toISOString(),
    draining: false,
    phase: 'mirroring',
    control: { source: 'etcd', connected: true, revision: 3, appliedAt: new Date(0).toISOString() },
    workers: [],
    shards: [
      {
        name: 's00',
        listen: '127.0.0.1:3400',
        old: '127.0.0.1:3310',
        new: '127.0.0.1:3311',
        ratios: { reads: 25, writes: 100, deletes: 100 },
        connections: 2,
        shadow: { state: 'up', since: new Date(0).toISOString(), lastError: null, lastErrorAt: null },
        queue: { statements: 0, bytes: 0 },
        lagSeconds: 0,
        schema: { known: true, missing: [], newKnown: true, differences: [], differencesInAll: 0 },
        journal: journalStatus(),
        outcomes: { mirrored: 12 },
        mismatches: {},
        latestMismatches: [],
        doubtCauses: [],
        straddles: [],
      },
    ],
    ...changes,
  };
}

/** An admin endpoint that answers every request with `body`; resolves to its port. */
async function serve(body: () => unknown): Promise<number> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body()));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return port;
}

describe('status without etcd', () => {
  test('asks the proxy at the configured address', async () => {
    const port = await serve(() => report('only'));
    const status = await run(writeConfig({ admin: { port } }), 'status');
    expect(status).toMatchObject({ code: 0, stderr: '' });
    expect(status.stdout).toContain('phase mirroring');
    expect(status.stdout).toMatch(/^s00 +25 % +100 % +100 % +up/m);
    expect(status.stdout).toContain('s00 outcomes: mirrored 12');
  });

  test.each([
    ['nobody answers', undefined, /unreachable/],
    ['something else answers', { hello: 1 }, /something other than a status report/],
    [
      'the shadow is down',
      report('only', {
        shards: [
          {
            ...report('only').shards[0]!,
            shadow: { state: 'down', since: 'T', lastError: 'refused', lastErrorAt: 'T' },
          },
        ],
      }),
      /shadow of shard s00 is down since T \(proxy only\): refused/,
    ],
    [
      'the control is cut off',
      report('only', { control: { ...report('only').control, connected: false } }),
      /can't reach its etcd/,
    ],
  ])('ends with 1 where %s', async (_name, body, reason) => {
    const port = body === undefined ? await freePort() : await serve(() => body);
    const status = await run(writeConfig({ admin: { port } }), 'status', '--json');
    expect(status.code).toBe(1);
    expect(status.stderr).toMatch(reason);
    expect(JSON.parse(status.stdout).faults).toHaveLength(1);
  });
});

describe('with etcd', () => {
  let etcd: Etcd;
  let file: string;
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd.stop());
  beforeEach(async () => {
    await etcd.ctl('del', '--prefix', PREFIX);
    file = writeConfig({
      admin: { port: await freePort() },
      etcd: { hosts: [etcd.url], leaseTtlSeconds: 5 },
    });
  });

  /** A control and a registration as a proxy has them; `applies` false: one that has stopped listening. */
  async function startLikeProxy(id: string, admin: string, applies = true): Promise<void> {
    const config = loadConfig(file);
    const { control } = makeControl(config);
    const registration = createRegistration({
      ...{ config, log: silentLog(), id, version: '1.0.0', admin, startedAtMs: 0 },
      snapshot: control.current(),
    });
    if (applies) control.onChange((snapshot) => registration.applied(snapshot));
    await control.start();
    registration.start();
    cleanups.push(
      () => control.stop(),
      () => registration.stop(),
    );
    await waitFor(async () => (await etcd.get(`${PREFIX}proxies/${id}`)) !== undefined, {
      what: `${id} to be registered`,
    });
  }

  /** The command waits two seconds for the proxies, which a busy machine may need longer for: it is given again. */
  function untilApplied(proxies: number, ...command: Parameters<typeof run>): Promise<CliResult> {
    return waitFor(
      async () => {
        const done = await run(...command);
        return done.stdout.includes(`Applied by ${proxies} of`)
          ? done
          : Promise.reject(new Error(done.stdout));
      },
      { what: `${proxies} proxies to apply it` },
    );
  }

  test('set writes the keys and waits until every proxy has applied them', async () => {
    await startLikeProxy('a', 'http://127.0.0.1:1');
    await startLikeProxy('b', 'http://127.0.0.1:1');
    const set = await untilApplied(2, file, 'ratio', 'set', 'reads=25', 'writes=99.5');
    expect(set).toMatchObject({ code: 0, stderr: '' });
    expect(set.stdout).toContain('Applied by 2 of 2 registered proxies: a, b');
    expect(await etcd.ctl('get', '--prefix', `${PREFIX}mirror/`)).toBe(
      `${PREFIX}mirror/reads\n25\n${PREFIX}mirror/writes\n99.5\n`,
    );
    const shard = await run(file, 'ratio', 'set', 'reads=50', '--shard', 's01');
    expect(shard.stdout).toMatch(/^s01 +50\* +99\.5 +3$/m);
    const unset = await untilApplied(2, file, 'ratio', 'unset', 'reads', 'writes');
    expect(unset).toMatchObject({ code: 0, stderr: '' });
    expect(unset.stdout).toMatch(/^s00 +1 +2 +3$/m);
    const again = await untilApplied(2, file, 'ratio', 'unset', 'deletes');
    expect(again).toMatchObject({ code: 0, stderr: '' });
  });

  test('set for all names the shards that keep their own; --all removes those in the same transaction', async () => {
    const own = `${PREFIX}shards/s01/mirror`;
    await etcd.put(`${own}/reads`, '50');
    await etcd.put(`${own}/writes`, '7');
    const kept = await run(file, 'ratio', 'set', 'reads=0');
    expect(kept.code).toBe(0);
    expect(kept.stderr).toMatch(/s01 reads=50, not 0; take it back: .*unset reads --shard s01/);
    expect(await etcd.get(`${own}/reads`)).toBe('50');
    const revisionOf = async (): Promise<number> =>
      JSON.parse(await etcd.ctl('get', 'x', '--write-out=json')).header.revision;
    const before = await revisionOf();
    const removed = await run(file, 'ratio', 'set', 'reads=0', '--all');
    expect(removed).toMatchObject({ code: 0, stderr: '' });
    expect(await etcd.get(`${own}/reads`)).toBeUndefined();
    expect(await etcd.get(`${own}/writes`)).toBe('7');
    expect(await revisionOf()).toBe(before + 1);
  });

  test('--all takes the overrides of as many shards as a configuration may have', async () => {
    const side = { host: '127.0.0.1', port: 3310 };
    const shards = Array.from({ length: 1024 }, (_, index) => ({
      ...{ name: `n${index}`, port: 3400 + index, old: side, new: side },
    }));
    const wide = writeConfig({ shards, etcd: { hosts: [etcd.url] } });
    await etcd.put(`${PREFIX}shards/n0/mirror/reads`, '50');
    await etcd.put(`${PREFIX}shards/n1023/mirror/deletes`, 'refused');
    const set = await run(wide, 'ratio', 'set', 'reads=0', 'writes=0', 'deletes=0', '--all');
    expect(set).toMatchObject({ code: 0, stderr: '' });
    expect([...(await etcd.list(`${PREFIX}shards/`))]).toEqual([]);
  });

  test('a proxy that does not apply the change is named, and the code is 1', async () => {
    await startLikeProxy('quick', 'http://127.0.0.1:1');
    await startLikeProxy('stuck', 'http://127.0.0.1:1', false);
    const set = await untilApplied(1, file, 'ratio', 'set', 'reads=25');
    expect(set.code).toBe(1);
    expect(set.stdout).toContain('Applied by 1 of 2 registered proxies: quick');
    expect(set.stderr).toContain('not applied within 2 s by: stuck');
  });

  test('a reader that stops reading changes neither the work nor the code', async () => {
    await startLikeProxy('stuck', 'http://127.0.0.1:1', false);
    const command = `"${process.execPath}" "${MAIN}" ratio set reads=25 --config "${file}" | true; exit "\${PIPESTATUS[0]}"`;
    const piped = await runCommand('bash', ['-c', command]);
    expect(piped).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^not applied within 2 s by: stuck/),
    });
  });

  test('get tells of a value that every proxy refuses', async () => {
    await etcd.put(`${PREFIX}mirror/reads`, '1000');
    const get = await run(file, 'ratio', 'get');
    expect(get.code).toBe(0);
    expect(get.stderr).toContain(
      `${PREFIX}mirror/reads is refused by every proxy: the value "1000" is above 100`,
    );
  });

  test('status asks every registered proxy', async () => {
    const port = await serve(() => report('a'));
    await startLikeProxy('a', `http://127.0.0.1:${port}`);
    const one = await run(file, 'status');
    expect(one).toMatchObject({ code: 0, stderr: '' });
    await startLikeProxy('b', `http://127.0.0.1:${await freePort()}`);
    const two = await run(file, 'status');
    expect(two.code).toBe(1);
    expect(two.stdout).toMatch(/^a +http/m);
    expect(two.stdout).toMatch(/^b +http.*unreachable/m);
    expect(two.stderr).toMatch(/proxy b \(http.*\) is unreachable: .*ECONNREFUSED/);
  });

  test('with etcd away, set and get end with 1 and the reason', async () => {
    const away = writeConfig({ etcd: { hosts: [`http://127.0.0.1:${await freePort()}`] } });
    for (const args of [['get'], ['set', 'reads=5']]) {
      const result = await run(away, 'ratio', ...args);
      expect(result).toMatchObject({ code: 1, stdout: '' });
      expect(result.stderr).toMatch(
        /^the ratios can't be read or changed: asking etcd at http:\/\/127\.0\.0\.1:\d+ (for the keys under|to change the ratios).* failed: 127\.0\.0\.1:\d+ refused the connection \(ECONNREFUSED\)\n$/,
      );
    }
  });
});
