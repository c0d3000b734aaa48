/** From the report of an incident to its group: what is kept is bounded, and no count is lost. */
import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { INCIDENT_REASON_NAMES } from '../../src/base/incident-reasons.ts';
import { type IncidentEntry, type IncidentReport, PAYLOADS_MAX } from '../../src/observe/incident.ts';
import { IncidentDesk } from '../../src/observe/incident-desk.ts';
import {
  DIGEST_CHARACTERS_MAX,
  GATHERED_GROUPS_MAX,
  GATHERED_PAYLOADS_MAX,
  IncidentGatherer,
  MESSAGE_CHARACTERS_MAX,
  SQL_CHARACTERS_MAX,
} from '../../src/observe/incident-gatherer.ts';
import type { IncidentGroup } from '../../src/observe/incident-group.ts';
import { IncidentMetrics } from '../../src/observe/incident-metrics.ts';
import { incidentEntrySchema } from '../../src/observe/incident-schema.ts';
import { IncidentStore } from '../../src/observe/incident-store.ts';
import { createRandom } from '../harness/random.ts';

const START_MS = 1_700_000_000_000;

function gathererAt(options: { literals?: boolean } = {}) {
  const clock = { nowMs: START_MS };
  const gatherer = new IncidentGatherer({ clock: () => clock.nowMs, literals: options.literals ?? false });
  return { clock, gatherer };
}

const refusal = (id: string, more: Partial<IncidentReport> = {}): IncidentReport => ({
  reason: 'replay_error',
  shard: 's00',
  digest: { id, text: `DELETE FROM ${id}` },
  code: 1146,
  message: 'error 1146',
  ...more,
});

const total = (entries: readonly { count: number }[]): number =>
  entries.reduce((sum, { count }) => sum + count, 0);

describe('gathering', () => {
  it('tells groups apart by reason, shard, digest and code', () => {
    const { gatherer } = gathererAt();
    for (const more of [{}, {}, { code: 1062 }, { shard: 's01' }, { reason: 'lost' as const }])
      gatherer.report(refusal('a', more));
    gatherer.report(refusal('b'));
    const entries = gatherer.take();
    const names = entries.map(({ reason, shard, digest, code, count }) =>
      [reason, shard, digest?.id, code, count].join(' '),
    );
    expect(names).toEqual([
      'replay_error s00 a 1146 2',
      'replay_error s00 a 1062 1',
      'replay_error s01 a 1146 1',
      'lost s00 a 1146 1',
      'replay_error s00 b 1146 1',
    ]);
    expect(gatherer.take()).toEqual([]);
  });

  it('makes no text of an occurrence beyond the bound, of a group or of all', () => {
    const { gatherer } = gathererAt({ literals: true });
    let made = 0;
    const text = (): string => `text ${made++}`;
    for (let count = 0; count < 10_000; count++) gatherer.report(refusal('a', { message: text }));
    expect(made).toBe(PAYLOADS_MAX);
    for (let count = 0; count < 10_000; count++)
      gatherer.report(refusal(`digest ${count}`, { message: text }));
    expect(made).toBe(GATHERED_PAYLOADS_MAX);
    const entries = gatherer.take();
    expect(total(entries)).toBe(20_000);
    expect(entries.length).toBe(GATHERED_GROUPS_MAX + 1);
    expect(entries.filter(({ others }) => others)).toMatchObject([{ digest: null, code: null }]);
  });

  it('keeps the statement only where literals may be kept, and of a long one its beginning', () => {
    const sql = Buffer.from(`SELECT '${'ü'.repeat(100_000)}'`);
    const [silent, open] = [gathererAt().gatherer, gathererAt({ literals: true }).gatherer];
    for (const gatherer of [silent, open]) gatherer.report(refusal('a', { sql }));
    expect(silent.take()[0]?.payloads[0]?.sql).toBeNull();
    expect(open.take()[0]?.payloads[0]?.sql).toBe(`SELECT '${'ü'.repeat(SQL_CHARACTERS_MAX - 9)}…`);
  });

  it('cuts what is long, and makes entries that another process takes', () => {
    const { gatherer } = gathererAt({ literals: true });
    const long = 'x'.repeat(100_000);
    const digest = { id: 'a', text: long };
    gatherer.report(refusal('a', { digest, message: long, sql: Buffer.from(long), table: long, key: long }));
    const [entry] = gatherer.take().map((taken) => incidentEntrySchema.parse(taken));
    expect(entry?.digest?.text).toHaveLength(DIGEST_CHARACTERS_MAX);
    expect(entry?.payloads[0]?.message).toHaveLength(MESSAGE_CHARACTERS_MAX);
  });

  it('knows when a group began and was last seen, and counts statements that fell together', () => {
    const { clock, gatherer } = gathererAt();
    gatherer.report(refusal('a', { times: 3 }));
    clock.nowMs += 700;
    gatherer.report(refusal('a', { times: 2 }));
    expect(gatherer.take()).toMatchObject([{ count: 5, firstMs: START_MS, lastMs: START_MS + 700 }]);
  });
});

function entryOf(report: IncidentReport, atMs: number, count = 1): IncidentEntry {
  const gatherer = new IncidentGatherer({ clock: () => atMs, literals: true });
  gatherer.report({ ...report, times: count });
  return gatherer.take()[0]!;
}

const groupsOf = (store: IncidentStore): IncidentGroup[] => [...store.groups()];

describe('the store', () => {
  function createStore(groupsMax = 4) {
    const clock = { nowMs: START_MS };
    return { clock, store: new IncidentStore({ clock: () => clock.nowMs, groupsMax }) };
  }

  it('loses no count and no minute, whatever it gives up', () => {
    const reports = fc.array(
      fc.record({
        digest: fc.nat(8),
        code: fc.constantFrom(1062, 1146, undefined),
        shard: fc.constantFrom('s00', 's01'),
        reason: fc.constantFrom('replay_error' as const, 'lost' as const),
        stepMs: fc.oneof(fc.nat(500), fc.nat(200_000)),
        count: fc.integer({ min: 1, max: 9 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(reports, (all) => {
        const { clock, store } = createStore();
        const sums = new Map<string, number>();
        const minutes = new Map<number, number>();
        for (const { digest, code, shard, reason, stepMs, count } of all) {
          clock.nowMs += stepMs;
          store.add(entryOf(refusal(`d${digest}`, { code, shard, reason }), clock.nowMs, count));
          const name = `${reason} ${shard}`;
          sums.set(name, (sums.get(name) ?? 0) + count);
          const minute = Math.floor(clock.nowMs / 60_000);
          minutes.set(minute, (minutes.get(minute) ?? 0) + count);
          expect(store.size).toBeLessThanOrEqual(4);
        }
        const kept = new Map<string, number>();
        for (const { identity, total } of groupsOf(store)) {
          const name = `${identity.reason} ${identity.shard}`;
          kept.set(name, (kept.get(name) ?? 0) + total);
        }
        expect(kept).toEqual(sums);
        expect(new Map([...store.totals()].map((one) => [`${one.reason} ${one.shard}`, one.total]))).toEqual(
          sums,
        );
        const last = Math.floor(clock.nowMs / 60_000);
        const wanted = Array.from({ length: 120 }, (_, index) => minutes.get(last - 119 + index) ?? 0);
        const found = groupsOf(store).map((group) => group.minutes.latest(clock.nowMs));
        expect(wanted.map((_, index) => found.reduce((sum, each) => sum + each[index]!, 0))).toEqual(wanted);
      }),
    );
  });

  it('gives up what came least in the last two hours, and keeps what goes on', () => {
    const { clock, store } = createStore(3);
    store.add(entryOf(refusal('old'), clock.nowMs, 1000));
    clock.nowMs += 3 * 3_600_000;
    store.add(entryOf(refusal('heavy'), clock.nowMs, 50));
    store.add(entryOf(refusal('light'), clock.nowMs, 2));
    store.add(entryOf(refusal('new'), clock.nowMs, 1));
    const names = (): string[] =>
      groupsOf(store)
        .map(({ identity }) => identity.digest?.id ?? 'others')
        .sort();
    expect(names()).toEqual(['heavy', 'light', 'new', 'others']);
    clock.nowMs += 1000;
    store.add(entryOf(refusal('newer'), clock.nowMs, 1));
    expect(names()).toEqual(['heavy', 'light', 'newer', 'others']);
    expect(groupsOf(store).find(({ identity }) => identity.others)).toMatchObject({ total: 1001 });
  });

  it('is not emptied by a flood of new digests', () => {
    const { clock, store } = createStore(100);
    for (let count = 0; count < 100; count++) store.add(entryOf(refusal(`known ${count}`), clock.nowMs));
    for (let count = 0; count < 1000; count++) store.add(entryOf(refusal(`flood ${count}`), clock.nowMs));
    const known = groupsOf(store).filter(({ identity }) => identity.digest?.id.startsWith('known'));
    expect(known).toHaveLength(80);
    clock.nowMs += 1000;
    store.add(entryOf(refusal('a second later'), clock.nowMs));
    expect(groupsOf(store).some(({ identity }) => identity.digest?.id === 'a second later')).toBe(true);
  });

  it('keeps the latest few occurrences, the newest first', () => {
    const { store } = createStore();
    for (let count = 0; count < 9; count++)
      store.add(entryOf(refusal('a', { message: `error ${count}` }), START_MS + count));
    expect(groupsOf(store)[0]?.latest.map(({ message }) => message)).toEqual(
      [8, 7, 6, 5, 4].map((count) => `error ${count}`),
    );
  });
});

describe('a desk', () => {
  function createDesk(literals = false) {
    const lines: Record<string, unknown>[] = [];
    const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const clock = { nowMs: START_MS };
    const settings = { thresholds: [], webhook: undefined };
    const desk = new IncidentDesk({
      service: 'test',
      proxy: 'p',
      shards: ['s00'],
      settings,
      metrics: new IncidentMetrics(),
      log,
      literals,
      clock: () => clock.nowMs,
    });
    return { lines, clock, desk };
  }

  it('logs each group at once, and then once a minute with how often it came', () => {
    const { lines, clock, desk } = createDesk();
    for (let count = 0; count < 5; count++) desk.report(refusal('a'));
    desk.report(refusal('a', { code: 1213 }));
    desk.tick();
    for (let second = 0; second < 59; second++) {
      clock.nowMs += 1000;
      desk.report(refusal('a', { times: 2 }));
      desk.tick();
    }
    expect(lines.map(({ code, times }) => [code, times])).toEqual([
      [1146, 5],
      [1213, 1],
    ]);
    clock.nowMs += 1000;
    desk.report(refusal('a'));
    desk.tick();
    expect(lines.slice(2)).toMatchObject([
      { incident: 'replay_error', shard: 's00', code: 1146, digestId: 'a', detail: 'error 1146', times: 119 },
    ]);
  });

  it('leaves what is logged where it happens to that place', () => {
    const { lines, desk } = createDesk();
    desk.report({ reason: 'worker_ended', shard: 's00', message: 'SIGKILL' });
    desk.tick();
    expect(lines).toEqual([]);
  });

  it('logs no literals unless it may', () => {
    const secret = refusal('a', { sql: Buffer.from("DELETE FROM messages WHERE folderid = 'secret'") });
    const [silent, open] = [createDesk(false), createDesk(true)];
    for (const { desk } of [silent, open]) {
      desk.report(secret);
      desk.stop();
    }
    expect(JSON.stringify(silent.lines)).not.toContain('secret');
    expect(open.lines[0]?.sql).toContain('secret');
  });
});

it('a million random incidents stay under the bounds, and each is counted', () => {
  const random = createRandom(7);
  const clock = { nowMs: START_MS };
  const gatherer = new IncidentGatherer({ clock: () => clock.nowMs, literals: true });
  const store = new IncidentStore({ clock: () => clock.nowMs });
  for (let count = 0; count < 1_000_000; count++) {
    const digest = `digest ${Math.floor(1e6 * random.next() ** 3)}`;
    gatherer.report({
      reason: INCIDENT_REASON_NAMES[count % INCIDENT_REASON_NAMES.length]!,
      shard: `s0${count % 8}`,
      digest: { id: digest, text: digest },
      code: 1000 + (count % 3),
      message: () => `message ${count}`,
      sql: Buffer.from(`statement ${count}`),
    });
    if (count % 5000 !== 0) continue;
    clock.nowMs += 1000;
    const entries = gatherer.take();
    expect(entries.length).toBeLessThanOrEqual(GATHERED_GROUPS_MAX + 8 * INCIDENT_REASON_NAMES.length);
    for (const entry of entries) store.add(entry);
  }
  for (const entry of gatherer.take()) store.add(entry);
  const groups = [...store.groups()];
  expect(store.size).toBe(500);
  expect(groups.length).toBeLessThanOrEqual(500 + 8 * INCIDENT_REASON_NAMES.length);
  expect(groups.reduce((sum, group) => sum + group.total, 0)).toBe(1_000_000);
  expect(Math.max(...groups.map(({ latest }) => latest.length))).toBeLessThanOrEqual(PAYLOADS_MAX);
});
