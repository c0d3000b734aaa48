/** What turns a bench's raw figures into docs/performance.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../bench/options.ts';
import { PERFORMANCE_PAGE, withResults } from '../../bench/performance-page.ts';
import { parseCpuTime, readCpuTime } from '../../bench/process-cpu.ts';
import { KEPT_RESULTS, type Run, readResults, TARGETS, type Target, WORKLOADS } from '../../bench/results.ts';
import { median, summarize } from '../../bench/summary.ts';
import { parseSysbench } from '../../bench/sysbench.ts';

const REPORT = `
SQL statistics:
    queries performed:
        read:                            14
        write:                           4
        other:                           2
        total:                           20
    transactions:                        1      (0.50 per sec.)
    queries:                             20     (9.75 per sec.)
    ignored errors:                      3      (1.46 per sec.)
    reconnects:                          0      (0.00 per sec.)

Latency (ms):
         min:                                    0.07
         avg:                                    0.18
         max:                                   12.42
         99th percentile:                        0.30
         sum:                                15938.45
`;

function run(target: Target, round: number, figures: Partial<Run>): Run {
  return {
    workload: 'oltp_point_select',
    protocol: 'text',
    target,
    round,
    statements: 1000,
    statementsPerSecond: 1000,
    p99Ms: 1,
    ignoredErrors: 0,
    cpuMicros: null,
    mirror: null,
    ...figures,
  };
}

describe('docs/performance.md', () => {
  const page = readFileSync(PERFORMANCE_PAGE, 'utf8');
  const kept = readResults(KEPT_RESULTS);

  it('holds the kept results, and nothing written by hand in their place', () => {
    expect(page).toBe(withResults(page, kept));
  });

  it('would differ if a figure did', () => {
    const runs = kept.runs.map((each) => ({ ...each, p99Ms: each.p99Ms + 1 }));
    expect(page).not.toBe(withResults(page, { ...kept, runs }));
  });

  it('rests on every workload and way, and on a mirror that accounts for every round', () => {
    for (const workload of WORKLOADS) {
      for (const target of TARGETS) {
        const own = kept.runs.filter((each) => each.workload === workload && each.target === target);
        expect(own.map((each) => each.round)).toEqual(
          Array.from({ length: kept.settings.rounds }, (_, index) => index + 1),
        );
        expect(own.every((each) => (each.mirror !== null) === (target === 'mirror-100'))).toBe(true);
      }
    }
  });

  it('refuses a page without markers', () => {
    expect(() => withResults('# Performance', kept)).toThrow('markers');
  });
});

describe('summaries', () => {
  it('take the middle value, or the mean of the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow();
  });

  it('compare within a round, so that a slow round changes no ratio', () => {
    const runs = [1, 2, 3].flatMap((round) => {
      const slowness = round === 2 ? 10 : 1;
      return [
        run('direct', round, { statementsPerSecond: 1000 / slowness }),
        run('haproxy', round, {
          statementsPerSecond: 500 / slowness,
          cpuMicros: { user: 2 * slowness, system: 8 * slowness },
        }),
        run('mirror-0', round, {
          statementsPerSecond: 250 / slowness,
          cpuMicros: { user: 10 * slowness, system: 10 * slowness },
        }),
      ];
    });
    expect(summarize(runs, 'mirror-0')).toMatchObject({
      statementsPerSecond: { median: 250, min: 25, max: 250 },
      cpu: { micros: 20, kernelShare: 0.5 },
      rateToDirect: 0.25,
      rateToHaproxy: 0.5,
      cpuToHaproxy: 2,
    });
    expect(summarize(runs, 'direct')).toMatchObject({ cpu: null, rateToDirect: 1, cpuToHaproxy: null });
    expect(summarize(runs, 'mirror-100')).toBeNull();
  });
});

describe('what is read', () => {
  it('sysbench reports statements, their rate, p99 and repeated errors', () => {
    expect(parseSysbench(REPORT)).toEqual({
      statements: 20,
      statementsPerSecond: 9.75,
      p99Ms: 0.3,
      ignoredErrors: 3,
    });
    expect(() => parseSysbench('FATAL: error 2002')).toThrow('no statements');
  });

  it('/proc counts CPU in ticks, whatever the name of the process holds', () => {
    const stat = '7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 75 0 0 20 0 11 0 1 2 3';
    expect(parseCpuTime(stat)).toEqual({ user: 2_500_000, system: 750_000 });
    expect(() => parseCpuTime('7 (a) S 1')).toThrow('no field 14');
  });

  it.runIf(process.platform === 'linux')("agrees with Node's own account of this process", () => {
    const [before, told, after] = [readCpuTime(process.pid), process.cpuUsage(), readCpuTime(process.pid)];
    const ticks = 2 * 10_000;
    expect(told.user + told.system).toBeGreaterThanOrEqual(before.user + before.system - ticks);
    expect(told.user + told.system).toBeLessThanOrEqual(after.user + after.system + ticks);
  });

  it('options have defaults and bounds', () => {
    expect(parseOptions([])).toMatchObject({
      settings: { seconds: 5, rounds: 5, threads: 8 },
      protocols: ['text'],
      docs: false,
    });
    expect(parseOptions(['--quick', '--rounds', '1', '--prepared'])).toMatchObject({
      settings: { seconds: 2, rounds: 1 },
      protocols: ['text', 'prepared'],
    });
    for (const args of [['--rounds', '0'], ['--seconds', 'x'], ['--quick', '--docs'], ['--odd'], ['file']]) {
      expect(parseOptions(args), args.join(' ')).toHaveProperty('fault');
    }
  });
});
