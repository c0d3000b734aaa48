import { describe, expect, it } from 'vitest';
import { compareScrapes, DURATIONS, MIRRORED, STATEMENTS } from '../../scripts/demo/figures.ts';
import { Scrape } from '../../scripts/demo/scrape.ts';
import { clock, count, duration, sparkline, tally, wrap } from '../../scripts/demo/text.ts';
import type { StatusReport } from '../../src/observe/status.ts';
import { journalStatus } from '../harness/journal-status.ts';

const STATUS: StatusReport = {
  id: 'one',
  service: 'message-centre',
  version: '1',
  pid: 1,
  startedAt: '2024-01-01T00:00:00.000Z',
  draining: false,
  phase: 'mirroring',
  control: { source: 'etcd', connected: true, revision: 1, appliedAt: '2024-01-01T00:00:00.000Z' },
  workers: [],
  shards: ['s00', 's01'].map((name, index) => ({
    name,
    listen: '',
    old: '',
    new: '',
    ratios: { reads: 100, writes: 100, deletes: 100 },
    connections: 0,
    shadow: { state: 'up' as const, since: '', lastError: null, lastErrorAt: null },
    queue: { statements: 2, bytes: 0 },
    lagSeconds: index,
    schema: { known: true, missing: [], newKnown: true, differences: [], differencesInAll: 0 },
    journal: journalStatus(),
    outcomes: {},
    mismatches: {},
    latestMismatches: [],
    doubtCauses: [],
    straddles: [],
  })),
};

function scrapeAt(seconds: number, samples: Readonly<Record<string, number>>): Scrape {
  return new Scrape(seconds * 1000, new Map(Object.entries(samples)), STATUS);
}

describe('figures', () => {
  const before = scrapeAt(10, {
    [`${STATEMENTS}{kind="read",outcome="ok",shard="s00"}`]: 100,
    [`${MIRRORED}{kind="read",outcome="dropped_queue_full",shard="s00"}`]: 5,
    [`${DURATIONS}_bucket{cluster="old",kind="read",le="0.001"}`]: 50,
    [`${DURATIONS}_bucket{cluster="old",kind="read",le="0.002"}`]: 50,
    [`${DURATIONS}_bucket{cluster="old",kind="read",le="+Inf"}`]: 50,
  });
  const now = scrapeAt(12, {
    [`${STATEMENTS}{kind="read",outcome="ok",shard="s00"}`]: 300,
    [`${STATEMENTS}{kind="write",outcome="ok",shard="s01"}`]: 20,
    [`${MIRRORED}{kind="read",outcome="mirrored",shard="s00"}`]: 80,
    [`${MIRRORED}{kind="read",outcome="dropped_queue_full",shard="s00"}`]: 9,
    [`${MIRRORED}{kind="read",outcome="dropped_shadow_down",shard="s01"}`]: 2,
    [`${MIRRORED}{kind="read",outcome="lost",shard="s01"}`]: 3,
    [`${DURATIONS}_bucket{cluster="old",kind="read",le="0.001"}`]: 100,
    [`${DURATIONS}_bucket{cluster="old",kind="read",le="0.002"}`]: 150,
    [`${DURATIONS}_bucket{cluster="old",kind="read",le="+Inf"}`]: 150,
  });
  const figures = compareScrapes(before, now);

  it('are differences by the second', () => {
    expect(figures).toMatchObject({ statements: 110, mirrored: 40, dropped: 3, failed: 3 });
    expect(figures.shards[0]).toMatchObject({ statements: 100, dropped: 2, failed: 0 });
    expect(figures.shards[1]).toMatchObject({ statements: 10, dropped: 1, failed: 3 });
  });

  it('sum the queues and take the longest lag', () => {
    expect(figures).toMatchObject({ queue: 4, lagSeconds: 1 });
  });

  it('interpolate the 99th percentile of what was answered meanwhile', () => {
    expect(figures.oldP99Ms).toBeCloseTo(1.98, 10);
    expect(figures.newP99Ms).toBeNull();
  });
});

describe('text', () => {
  it('shows durations with two digits that mean something', () => {
    const shown = [0.042, 0.994, 1.04, 9.94, 9.96, 42.4, 99.6, 999, 1234].map(duration);
    expect(shown).toEqual([
      '0.04 ms',
      '0.99 ms',
      '1.0 ms',
      '9.9 ms',
      '10 ms',
      '42 ms',
      '100 ms',
      '999 ms',
      '1.2 s',
    ]);
    expect([duration(null), duration(-0.14)]).toEqual(['-', '-0.14 ms']);
  });

  it('counts, tells the time and tallies', () => {
    expect([count(1234.6), clock(65.9)]).toEqual(['1,235', '1:05']);
    expect(
      tally(
        new Map([
          ['a', 1],
          ['b', 2000],
        ]),
      ),
    ).toBe('b 2,000, a 1');
    expect(tally(new Map())).toBe('-');
  });

  it('draws nothing as a dot and the largest as a full block', () => {
    expect(sparkline([0, 1, 8])).toBe('·▁█');
    expect(sparkline([0, 0])).toBe('··');
  });

  it('breaks at blanks and keeps the indent', () => {
    expect(wrap('aaa bbb ccc', 2, 9)).toBe('aaa bbb\n  ccc');
    expect(wrap('one-word-too-long', 2, 9)).toBe('one-word-too-long');
  });
});
