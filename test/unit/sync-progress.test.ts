/** How far a sync is, as figures, as bars of a terminal and as a plain line. */
import { describe, expect, it } from 'vitest';
import { SyncDisplay } from '../../src/commands/sync-display.ts';
import { barLines, plainLine } from '../../src/commands/sync-progress-text.ts';
import { SyncMetrics } from '../../src/observe/sync-metrics.ts';
import { SyncProgress } from '../../src/sync/sync-progress.ts';

function begun(shards: readonly string[] = ['s00', 's01']): {
  progress: SyncProgress;
  clock: { ms: number };
} {
  const clock = { ms: 0 };
  const progress = new SyncProgress(shards, () => clock.ms);
  progress.looked(shards[0] ?? '', 7, 7);
  progress.begins('full', 2);
  progress.ranges('s00', 8, 2);
  return { progress, clock };
}

const outcome = (result: 'repaired' | 'equal' | 'moving' | 'failed') => ({
  key: '1',
  result,
  rows: { missing: 1, extra: 2, different: 3 },
  reason: null,
});

describe('the progress', () => {
  it('counts what a pass does by shard, and what its own part says of the rest', () => {
    const { progress, clock } = begun();
    clock.ms = 10_000;
    expect(progress.secondsLeft('s00')).toBeNull();
    progress.looked('s00', 500, 2000);
    progress.rangeDone('s00');
    progress.rangeDone('s00');
    expect(progress.rate('s00')).toBe(50);
    // Two ranges in ten seconds; the two that were done before say nothing of the four that are left.
    expect(progress.secondsLeft('s00')).toBe(20);
    expect(progress.shards.get('s00')).toMatchObject({ groups: 507, ranges: 8, rangesDone: 4 });
    expect(progress.shards.get('s01')).toMatchObject({ groups: 0, ranges: 0 });
  });

  it('tells by the rows what is left, while the servers’ estimate is not exceeded', () => {
    const { progress, clock } = begun();
    progress.expects('s00', 6000);
    progress.expects('s00', 2000);
    clock.ms = 10_000;
    expect(progress.secondsLeft('s00')).toBeNull();
    progress.looked('s00', 500, 2000);
    expect(progress.secondsLeft('s00')).toBe(30);
    // More rows than were reckoned with say nothing of those that are left; ranges that are over do.
    progress.looked('s00', 500, 7000);
    expect(progress.secondsLeft('s00')).toBeNull();
    for (let range = 0; range < 3; range++) progress.rangeDone('s00');
    expect(progress.secondsLeft('s00')).toBe(10);
    for (let range = 0; range < 3; range++) progress.rangeDone('s00');
    expect(progress.secondsLeft('s00')).toBe(0);
    progress.begins('full', 3);
    progress.looked('s00', 1, 1);
    expect(progress.secondsLeft('s00')).toBeNull();
  });

  it('counts the rows of repaired groups alone, and no group of a replica that was behind', () => {
    const { progress } = begun();
    for (const result of ['repaired', 'equal', 'moving'] as const) progress.settled('s00', outcome(result));
    expect(progress.shards.get('s00')).toMatchObject({
      mismatched: 2,
      repaired: { missing: 1, extra: 2, different: 3 },
    });
  });

  it('takes the ranges of a shared pass from all machines alone, and counts none twice', () => {
    const { progress } = begun();
    progress.begins('journal', 1);
    progress.everywhere(new Map([['s00', { groups: 3, mismatched: 0, ranges: 4, rangesDone: 1 }]]));
    // A table that a journal has in doubt as a whole is gone through in ranges of its own.
    progress.ranges('s00', 128, 0);
    progress.rangeDone('s00');
    expect(progress.shards.get('s00')).toMatchObject({ ranges: 4, rangesDone: 1 });
  });

  it('begins its ranges anew with each pass, and goes on counting groups', () => {
    const { progress } = begun();
    progress.begins('full', 3);
    expect(progress.pass).toEqual({ kind: 'full', pass: 3 });
    expect(progress.shards.get('s00')).toMatchObject({ groups: 7, ranges: 0, rangesDone: 0 });
  });
});

describe('in words', () => {
  it('has a bar for each shard, with the reason where it waits', () => {
    const { progress, clock } = begun();
    clock.ms = 10_000;
    progress.looked('s00', 500, 2000);
    progress.rangeDone('s00');
    progress.waits('s01', 'somebody\nwants it');
    expect(barLines(progress, 200)).toEqual([
      'full pass 2',
      's01 [....................]      0 groups, 0/s, 0 mismatched, waits: somebody?wants it',
      's00 [#######.............]  37% 507 groups, 50/s, ETA 50 s, 0 mismatched',
    ]);
  });

  it('never fills a line of the terminal, nor more than some of them', () => {
    const { progress } = begun(
      Array.from({ length: 40 }, (_, shard) => `s${String(shard).padStart(2, '0')}`),
    );
    const lines = barLines(progress, 40);
    expect(lines).toHaveLength(18);
    expect(Math.max(...lines.map((line) => line.length))).toBe(39);
    expect(lines.at(-1)).toBe('and 24 more shards');
  });

  it('is one line without a terminal', () => {
    const { progress, clock } = begun();
    expect(plainLine(new SyncProgress(['s00'], () => 0))).toBeNull();
    clock.ms = 10_000;
    progress.looked('s00', 500, 2000);
    progress.waits('s00', 'old s00 has 41 threads running');
    expect(plainLine(progress)).toBe(
      'full pass 2: 507 groups so far, 50/s, 0 mismatched, 2 of 8 ranges; s00 waits: old s00 has 41 threads running',
    );
  });
});

describe('the display', () => {
  function shown(columns: number | undefined) {
    const { progress } = begun(['s00']);
    const written: string[] = [];
    const out = (text: string): void => void written.push(`${text}\n`);
    return { display: new SyncDisplay({ out, err: out, columns }, progress), written };
  }

  it('takes its bars back before it writes anything else, and at the end', () => {
    const { display, written } = shown(80);
    display.show();
    display.show();
    display.print('a line that stays');
    display.show();
    display.end();
    expect(written.map((text) => text.split('\x1b[J')[0])).toEqual([
      written[0],
      '\x1b[2A\r',
      '\x1b[2A\r',
      'a line that stays\n',
      written[4],
      '\x1b[2A\r',
    ]);
    expect(written.at(-1)).toBe('\x1b[2A\r\x1b[J\x1b[1A\n');
  });

  it('sends no terminal’s commands where there is none', () => {
    const { display, written } = shown(undefined);
    display.show();
    display.print('a line');
    display.end();
    expect(written.join('')).not.toContain('\x1b');
    expect(written).toHaveLength(2);
  });
});

it('is exported with labels that are bounded', async () => {
  const { progress } = begun(['s00']);
  progress.settled('s00', outcome('repaired'));
  for (let group = 0; group < 3; group += 1) progress.settled('s00', outcome('failed'));
  progress.failed('s00');
  progress.waits('s00', 'a reason is no label');
  const metrics = new SyncMetrics({
    shards: () =>
      new Map(
        [...progress.shards].map(([name, shard]) => [name, { ...shard, throttled: shard.waits !== null }]),
      ),
    pass: () => progress.pass,
  });
  metrics.took('old', 0.03);
  const text = await metrics.text();
  for (const line of [
    'understudy_sync_groups_total{shard="s00"} 7',
    'understudy_sync_mismatched_groups_total{shard="s00"} 4',
    'understudy_sync_repaired_rows_total{shard="s00",kind="extra"} 2',
    'understudy_sync_failures_total{shard="s00",kind="group"} 3',
    'understudy_sync_failures_total{shard="s00",kind="range"} 1',
    'understudy_sync_ranges{shard="s00"} 8',
    'understudy_sync_ranges_done{shard="s00"} 2',
    'understudy_sync_throttled{shard="s00"} 1',
    'understudy_sync_pass{kind="full"} 2',
    'understudy_sync_checksum_seconds_bucket{le="0.05",side="old"} 1',
    'understudy_sync_checksum_seconds_count{side="new"} 0',
  ])
    expect(text.split('\n')).toContain(line);
  expect(text).not.toContain('a reason');
});
