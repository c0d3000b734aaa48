/** Which passes a sync makes, when it is done, and what it says at the end. */
import { describe, expect, it } from 'vitest';
import { NO_COUNTS } from '../../src/sync/pass-counts.ts';
import { type JobPlan, runJob } from '../../src/sync/sync-job.ts';
import { endLines, type JournalLeft, type PassReport, passLines } from '../../src/sync/sync-report.ts';

const EMPTY: JournalLeft = { keys: 0, reset: [] };

interface Script {
  /** Wrong groups of each full pass; repaired unless `moving`. */
  readonly full?: readonly number[];
  readonly moving?: boolean;
  /** Keys that are in doubt behind each journal pass; null: there is no proxy. */
  readonly left?: readonly number[] | null;
  /** Failures of each pass. */
  readonly failed?: number;
  readonly stopAt?: number;
}

function reportOf(
  kind: PassReport['kind'],
  pass: number,
  wrong: number,
  { moving, failed = 0 }: Script,
): PassReport {
  const settled = { ...NO_COUNTS.settled, [moving === true ? 'moving' : 'repaired']: wrong };
  return {
    kind,
    pass,
    counts: { ...NO_COUNTS, groups: 100, mismatched: wrong, settled },
    failures: [],
    failed,
    journal: null,
    takenOver: 0,
    seconds: 1,
    checksums: { count: 0, p50: 0, p99: 0, p995: 0, max: 0 },
  };
}

async function run(plan: Partial<JobPlan>, script: Script) {
  const order: string[] = [];
  const stopping = new AbortController();
  let journals = 0;
  const note = (kind: string, pass: number): void => {
    order.push(`${kind} ${pass}`);
    if (order.length === script.stopAt) stopping.abort();
  };
  const report = await runJob(
    { mode: 'settle', check: false, passes: 3, ...plan },
    {
      full: (pass) => {
        note('full', pass);
        return Promise.resolve(reportOf('full', pass, script.full?.[pass - 1] ?? 0, script));
      },
      keys: (pass) => {
        note('keys', pass);
        return Promise.resolve(reportOf('keys', pass, script.full?.[pass - 1] ?? 0, script));
      },
      journal: (pass) => {
        if (script.left === null) return Promise.resolve(null);
        note('journal', pass);
        journals += 1;
        return Promise.resolve(reportOf('journal', pass, 0, {}));
      },
      left: () =>
        Promise.resolve(script.left === null ? null : { ...EMPTY, keys: script.left?.[journals - 1] ?? 0 }),
      told: () => {},
      stop: stopping.signal,
    },
  );
  return { order, verdict: report.verdict, end: endLines(report).join('\n') };
}

describe('a sync without a mode', () => {
  it('goes by the journal, then through everything, then by the journal again', async () => {
    expect(await run({}, {})).toMatchObject({
      order: ['journal 1', 'full 1', 'journal 2'],
      verdict: 'clean',
    });
  });

  it('goes on until a full pass finds nothing and the journal is empty', async () => {
    expect(await run({}, { full: [5, 0] })).toMatchObject({
      order: ['journal 1', 'full 1', 'journal 2', 'full 2', 'journal 3'],
      verdict: 'clean',
    });
    expect(await run({}, { left: [3, 3, 0] })).toMatchObject({
      order: ['journal 1', 'full 1', 'journal 2', 'full 2', 'journal 3'],
      verdict: 'clean',
    });
  });

  it('gives up after its passes', async () => {
    const { order, verdict, end } = await run({ passes: 2 }, { full: [5, 4, 0], left: [1, 1, 1] });
    expect(order.filter((pass) => pass.startsWith('full'))).toEqual(['full 1', 'full 2']);
    expect([verdict, end]).toEqual([
      'differs',
      'the sides may still differ; repaired: 9 groups, passes: 5; the journal has 1 key',
    ]);
  });

  it('does without journals where no proxy is to be found', async () => {
    expect(await run({}, { left: null })).toMatchObject({ order: ['full 1'], verdict: 'clean' });
  });

  it('is not done where something could not be looked at', async () => {
    expect(await run({ passes: 1 }, { failed: 1 })).toMatchObject({ verdict: 'differs' });
  });

  it('stops when it is told to', async () => {
    expect(await run({}, { stopAt: 2 })).toMatchObject({
      order: ['journal 1', 'full 1'],
      verdict: 'stopped',
    });
  });
});

describe('the modes', () => {
  it('full: passes until one finds nothing', async () => {
    expect(await run({ mode: 'full' }, { full: [2, 0] })).toMatchObject({
      order: ['full 1', 'full 2'],
      verdict: 'clean',
    });
  });

  it('journal: passes until the journal is empty, and without a proxy it is not known to be', async () => {
    expect(await run({ mode: 'journal' }, { left: [2, 0] })).toMatchObject({
      order: ['journal 1', 'journal 2'],
      verdict: 'clean',
    });
    expect(await run({ mode: 'journal' }, { left: null })).toMatchObject({ verdict: 'differs' });
  });

  it('keys: passes until one finds nothing', async () => {
    expect(await run({ mode: 'keys' }, { full: [1, 0] })).toMatchObject({ order: ['keys 1', 'keys 2'] });
  });

  it('check: one pass of each kind', async () => {
    expect(await run({ check: true }, { full: [1] })).toMatchObject({
      order: ['journal 1', 'full 1'],
      verdict: 'differs',
    });
    expect(await run({ check: true, mode: 'full' }, {})).toMatchObject({
      order: ['full 1'],
      verdict: 'clean',
    });
  });
});

it('a pass is told with what was found, and how long its queries took', () => {
  const report: PassReport = {
    ...reportOf('full', 1, 3, {}),
    failures: [{ shard: 's00', table: 'likes', reason: 'it is not there' }],
    failed: 2,
    seconds: 83,
    checksums: { count: 12, p50: 0.0042, p99: 0.1, p995: 0.12, max: 0.15 },
  };
  expect(passLines(report)).toEqual([
    'full pass 1: 100 groups, 3 mismatched, consistency 0.970000, 1 min 23 s',
    '  groups: 3 repaired, 0 left as they are, 0 still being written, 0 failed',
    '  rows: 0 missing, 0 extra, 0 different',
    '  12 checksum queries: p50 4.2 ms, p99 100 ms, p99.5 120 ms, max 150 ms',
    '  s00 likes: it is not there',
    '  and 1 more',
  ]);
});
