import { expect, test } from 'vitest';
import { findFaults } from '../../src/commands/status-faults.ts';
import type { ProxyStatus } from '../../src/commands/status-fetch.ts';
import { mergeShards } from '../../src/commands/status-merge.ts';
import { statusLines } from '../../src/commands/status-text.ts';
import type { ShardStatus, StatusReport, WorkerState } from '../../src/observe/status.ts';
import { journalStatus } from '../harness/journal-status.ts';

function shard(changes: Partial<ShardStatus> = {}): ShardStatus {
  return {
    name: 's00',
    listen: '127.0.0.1:3400',
    old: '127.0.0.1:3310',
    new: '127.0.0.1:3311',
    ratios: { reads: 25, writes: 100, deletes: 100 },
    connections: 3,
    shadow: { state: 'up', since: '2026-01-01T00:00:00.000Z', lastError: null, lastErrorAt: null },
    queue: { statements: 2, bytes: 1536 },
    lagSeconds: 0.25,
    schema: { known: true, missing: [], newKnown: true, differences: [], differencesInAll: 0 },
    journal: journalStatus({ keys: 7, reset: false, byReason: {} }),
    outcomes: { mirrored: 10, failed: 0 },
    mismatches: {},
    latestMismatches: [],
    doubtCauses: [],
    straddles: [],
    ...changes,
  };
}

function proxy(id: string, shards: ShardStatus[], connected = true): ProxyStatus {
  const report: StatusReport = {
    id,
    service: 'test',
    version: '1.0.0',
    pid: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    draining: false,
    phase: 'mirroring',
    control: { source: 'etcd', connected, revision: 42, appliedAt: '2026-01-01T00:00:00.000Z' },
    workers: [],
    shards,
  };
  return { type: 'reachable', address: { id, admin: `http://${id}:9104` }, report };
}

const sample = (at: string) => ({
  at,
  kind: 'read',
  reason: 'rows',
  digestId: 'd',
  digest: 'SELECT ?',
  detail: '1 row, not 2',
});

test('sums, worst states and longest lags of the proxies of one shard', () => {
  const merged = mergeShards([
    proxy('a', [
      shard({ latestMismatches: [sample('2026-01-01T00:00:01Z'), sample('2026-01-01T00:00:03Z')] }),
    ]),
    proxy('b', [
      shard({
        shadow: {
          state: 'down',
          since: '2026-01-01T00:00:00.000Z',
          lastError: 'refused',
          lastErrorAt: null,
        },
        lagSeconds: 4,
        outcomes: { mirrored: 1, dropped_shadow_down: 5 },
        journal: journalStatus({ keys: 1, reset: true, byReason: {} }),
        latestMismatches: [sample('2026-01-01T00:00:02Z'), sample('2026-01-01T00:00:04Z')],
      }),
      shard({ name: 's01' }),
    ]),
    { type: 'unreachable', address: { id: 'c', admin: 'http://c:1' }, reason: 'refused' },
  ]);
  expect(merged.map(({ name }) => name)).toEqual(['s00', 's01']);
  expect(merged[0]).toMatchObject({
    proxies: 2,
    ratios: [{ reads: 25, writes: 100, deletes: 100 }],
    shadow: 'down',
    connections: 6,
    lagSeconds: 4,
    queue: { statements: 4, bytes: 3072 },
    journalKeys: 8,
    journalReset: true,
    journalBytes: 0,
    journalFailing: null,
    outcomes: { mirrored: 11, dropped_shadow_down: 5 },
  });
  expect(merged[0]?.outcomes).not.toHaveProperty('failed');
  expect(merged[0]?.latestMismatches.map(({ at }) => at.slice(-3))).toEqual(['04Z', '03Z', '02Z']);
});

test('a healthy service has no fault', () => {
  expect(
    findFaults([
      proxy('a', [shard(), shard({ name: 's01', shadow: { ...shard().shadow, state: 'recovering' } })]),
    ]),
  ).toEqual([]);
});

test('each fault is a sentence with its place', () => {
  const down = shard({ shadow: { state: 'down', since: 'T', lastError: 'refused', lastErrorAt: 'T' } });
  expect(
    findFaults([
      proxy('a', [down], false),
      { type: 'unreachable', address: { id: 'b', admin: 'http://b:1' }, reason: 'no answer' },
    ]),
  ).toEqual([
    'proxy b (http://b:1) is unreachable: no answer',
    'the shadow of shard s00 is down since T (proxy a): refused',
    "proxy a can't reach its etcd for the ratios; the last ones stay in force",
  ]);
});

test('a full pass that is owed is a fault, and a slow disk is none', () => {
  const status = journalStatus({ keys: 0, reset: true, byReason: {} });
  const owing = shard({ name: 's01', journal: { ...status, resetReason: 'doubts-1.log is missing' } });
  const slow = shard({ journal: { ...status, reset: false, failing: 'the disk is slow' } });
  expect(findFaults([proxy('a', [owing, slow])])).toEqual([
    'the journal of shard s01 does not know of all that may differ (proxy a), so that a full pass is owed, which "understudy sync" makes: doubts-1.log is missing',
  ]);
});

test('a worker that does not serve is a fault, unless its proxy drains', () => {
  const reached = proxy('a', [shard()]);
  if (reached.type === 'unreachable') throw new Error('it is reachable');
  const worker = (number: number, state: WorkerState) => ({
    worker: number,
    pid: null,
    state,
    since: 'T',
    restarts: 1,
    shards: [`s0${number}`, 's09'],
  });
  const report = { ...reached.report, workers: [worker(0, 'serving'), worker(1, 'down')] };
  expect(findFaults([{ ...reached, report }])).toEqual([
    'worker 1 of proxy a is down since T: clients of s01, s09 are not served',
  ]);
  expect(statusLines('test', [{ ...reached, report }], [], 80).join('\n')).toMatch(/ up +1\/2 +1\.0\.0 /);
  expect(findFaults([{ ...reached, report: { ...report, draining: true } }])).toEqual([]);
});

test('the text shows every figure, and proxies that differ', () => {
  const proxies = [
    proxy('a', [shard({ mismatches: { rows: 1 }, latestMismatches: [sample('2026-01-01T00:00:01Z')] })]),
    proxy('b', [shard({ ratios: { reads: 50, writes: 100, deletes: 100 } })], false),
  ];
  const text = statusLines('test', proxies, mergeShards(proxies), 80).join('\n');
  expect(text).toContain('test: phase mirroring');
  expect(text).toMatch(/^a +http:\/\/a:9104 +up +1\.0\.0 +etcd +42$/m);
  expect(text).toMatch(/^b .* etcd \(disconnected\) +42$/m);
  expect(text).toMatch(/^s00 +25\/50 % +100 % +100 % +up +0\.3 s +4 \(3\.0 KiB\) +14 \(0 B\) +6$/m);
  expect(text).toContain('s00 outcomes: mirrored 20');
  expect(text).toContain('s00 mismatches: rows 1');
  expect(text).toContain('2026-01-01T00:00:01Z read rows: 1 row, not 2 [SELECT ?]');
});

test('the text shows doubts by reason, what left them, straddling digests cut to the width, and the latest error of a shadow that is up', () => {
  const shadow = (lastError: string, lastErrorAt: string): ShardStatus['shadow'] => ({
    ...{ state: 'up', since: 'T', lastError, lastErrorAt },
  });
  const long = `SELECT ${'x'.repeat(200)}`;
  const proxies = [
    proxy('a', [
      shard({
        journal: journalStatus({ keys: 3, reset: false, byReason: { not_sampled: 2, hazard: 1, failed: 0 } }),
        shadow: shadow('older', '2026-01-01T00:00:01.000Z'),
        doubtCauses: [
          { reason: 'overlap', digest: 'DELETE FROM t', count: 6 },
          { reason: 'hazard', digest: 'DELETE FROM t', count: 5 },
        ],
        straddles: [{ digest: 'SELECT ?', count: 4 }],
      }),
    ]),
    proxy('b', [
      shard({
        journal: journalStatus({ keys: 2, reset: false, byReason: { not_sampled: 2 } }),
        doubtCauses: [{ reason: 'hazard', digest: 'DELETE FROM t', count: 2 }],
        shadow: shadow('newer\u001b[31m', '2026-01-01T00:00:02.000Z'),
        straddles: [
          { digest: 'SELECT ?', count: 3 },
          { digest: long, count: 9 },
        ],
      }),
    ]),
  ];
  const lines = statusLines('test', proxies, mergeShards(proxies), 80);
  expect(lines).toContain('s00 doubts: not_sampled 4, hazard 1');
  expect(lines).toContain('s00 last error of the shadow (2026-01-01T00:00:02.000Z): newer?[31m');
  const causes = lines.indexOf('s00 statements that left doubts, by reason and digest: 2');
  expect(lines.slice(causes + 1, causes + 3)).toEqual([
    '  7 times hazard: DELETE FROM t',
    '  6 times overlap: DELETE FROM t',
  ]);
  const at = lines.indexOf('s00 statements that mix moved and other tables, by digest: 2');
  expect(lines[at + 1]).toMatch(/^ {2}9 times: SELECT x+…$/);
  expect(lines[at + 1]).toHaveLength(80);
  expect(lines[at + 2]).toBe('  7 times: SELECT ?');
});

test('the text says why a full pass is owed, who makes it, and what is wrong with the journal', () => {
  const reset = journalStatus({ keys: 0, reset: true, byReason: {} });
  const journal = { ...reset, resetReason: 'ENOSPC', failing: 'no room' };
  const proxies = [proxy('a', [shard()]), proxy('b', [shard({ journal })])];
  const lines = statusLines('test', proxies, mergeShards(proxies), 80);
  expect(lines).toContain('s00 owes a full pass ("understudy sync" makes it): ENOSPC');
  expect(lines).toContain("s00 the journal can't be written as it should: no room");
});

test('of many straddling digests the most frequent are shown, and how many more there are', () => {
  const straddles = Array.from({ length: 25 }, (_, index) => ({ digest: `d${index}`, count: index + 1 }));
  const proxies = [proxy('a', [shard({ straddles })])];
  const text = statusLines('test', proxies, mergeShards(proxies), 80).join('\n');
  expect(text).toContain('by digest: 25\n  25 times: d24\n');
  expect(text).toContain('  16 times: d15\n  and 15 more digests (see --json)');
});

test('a shard without doubts, straddles or errors has no line of them', () => {
  const proxies = [proxy('a', [shard()])];
  const text = statusLines('test', proxies, mergeShards(proxies), 80).join('\n');
  expect(text).not.toMatch(/doubts|mix|last error|full pass/);
});
