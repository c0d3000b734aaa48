/** What turns a bench's raw figures into docs/performance.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { judge } from '../../bench/aims.ts';
import { addedP99, type CentreRun, renderPeak } from '../../bench/centre-page.ts';
import { parseProfile, selfTimes } from '../../bench/cpu-profile.ts';
import { median } from '../../bench/median.ts';
import { parseOptions } from '../../bench/options.ts';
import { parsePerfReport } from '../../bench/perf.ts';
import { PERFORMANCE_PAGE, withResults } from '../../bench/performance-page.ts';
import { estimateSeconds, planCases, takesPart } from '../../bench/plan.ts';
import {
  parseMachineCpu,
  parseMachineTime,
  parseStat,
  readCpuTime,
  readTree,
  sumOfTree,
} from '../../bench/process-cpu.ts';
import { KEPT_RESULTS, type Run, readResults, TARGETS, type Target } from '../../bench/results.ts';
import { renderSelfTimes } from '../../bench/self-time.ts';
import { runsOf, summarize } from '../../bench/summary.ts';
import { parseSysbench } from '../../bench/sysbench.ts';
import { renderResults, TARGET_NAMES } from '../../bench/tables.ts';
import { renderTls } from '../../bench/tls-table.ts';

const REPORT = `
SQL statistics:
    queries performed:
        read:                            14
        write:                           4
        other:                           2
        total:                           20
    transactions:                        5      (2.44 per sec.)
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
    threads: 8,
    target,
    round,
    statements: 1000,
    perSecond: 1000,
    p99Ms: 1,
    ignoredErrors: 0,
    cpuMicros: null,
    othersShare: null,
    cores: null,
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

  it('keeps what is written by hand around them', () => {
    const marked = page.replace('## How to read it', '## How to read it\n\nBy hand.');
    const runs = kept.runs.map((each) => ({ ...each, p99Ms: each.p99Ms + 1 }));
    const written = withResults(marked, { ...kept, runs });
    expect(written).not.toBe(marked);
    expect(written).toContain('By hand.');
    expect(withResults(written, kept)).toBe(marked);
  });

  it('rests on every way in every round, and on a mirror that accounts for each', () => {
    const targets = new Set(kept.runs.map((each) => each.target));
    const mirroring: readonly Target[] = [
      'reads-100',
      'mirror-100',
      'mirror-100-unjournalled',
      'mirror-100-durable',
    ];
    for (const first of kept.runs) {
      const own = runsOf(kept.runs, first);
      const rounds = Math.max(...own.map((each) => each.round));
      const taking = [...targets].filter((target) => takesPart(first, target));
      expect(own).toHaveLength(rounds * taking.length);
      expect(own.every((each) => (each.mirror !== null) === mirroring.includes(each.target))).toBe(true);
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
        run('direct', round, { perSecond: 1000 / slowness }),
        run('haproxy', round, {
          perSecond: 500 / slowness,
          p99Ms: slowness,
          cpuMicros: { user: 2 * slowness, system: 8 * slowness },
        }),
        run('mirror-0', round, {
          perSecond: 250 / slowness,
          p99Ms: 3 * slowness,
          cpuMicros: { user: 10 * slowness, system: 10 * slowness },
        }),
      ];
    });
    const always = (value: number) => ({ median: value, min: value, max: value });
    expect(summarize(runs, 'mirror-0')).toMatchObject({
      rate: { median: 250, min: 25, max: 250 },
      cpu: { micros: 20, kernelShare: 0.5 },
      rateToDirect: always(0.25),
      rateToHaproxy: always(0.5),
      p99ToHaproxy: always(3),
      cpuToHaproxy: always(2),
    });
    expect(summarize(runs, 'direct')).toMatchObject({ cpu: null, cpuToHaproxy: null });
    expect(summarize(runs, 'mirror-100')).toBeNull();
  });

  it('put a way with TLS beside the same without it, within a round', () => {
    const cpu = (user: number) => ({ cpuMicros: { user, system: 0 } });
    const runs = [
      run('mirror-0', 1, { ...cpu(10), perSecond: 100 }),
      run('mirror-0-tls', 1, { ...cpu(30), perSecond: 50 }),
      run('mirror-0', 2, { ...cpu(100), perSecond: 1000 }),
      run('mirror-0-tls', 2, { ...cpu(300), perSecond: 500 }),
    ];
    const rows = renderTls(runs, TARGET_NAMES).split('\n');
    expect(rows).toHaveLength(3);
    expect(rows[2]?.split('|').map((cell) => cell.trim())).toEqual([
      '',
      TARGET_NAMES['mirror-0-tls'],
      '275',
      '1.00',
      '165.0',
      '55.0',
      '3.00',
      '0.50',
      '',
    ]);
    expect(
      renderTls(
        runs.filter(({ target }) => target === 'mirror-0'),
        TARGET_NAMES,
      ),
    ).toBe('');
  });

  it('hold the aims against the median, before it is rounded', () => {
    const rounds = (mirror: readonly number[]): Run[] =>
      mirror.flatMap((cpu, index) => [
        run('haproxy', index + 1, { cpuMicros: { user: 4, system: 6 } }),
        run('mirror-0', index + 1, { cpuMicros: { user: cpu, system: 0 } }),
      ]);
    const verdicts = (runs: readonly Run[]) => judge(runs).map(({ verdict }) => verdict);
    expect(verdicts(rounds([30, 12.5, 9]))).toEqual(['met', 'not measured', 'not measured']);
    expect(verdicts(rounds([12.51, 9, 30]))).toEqual(['not met', 'not measured', 'not measured']);
    expect(verdicts(rounds([9]).map((each) => ({ ...each, threads: 1 })))).toEqual([]);
  });

  it('hold rates, CPU by itself and the time to catch up against their aims', () => {
    const unseen = { lagMaxSeconds: null, doubts: null, appends: null };
    const mirror = { outcomes: {}, queueStatements: 0, lagSeconds: 0, ...unseen };
    const written = (perSecond: number, micros: number, drainSeconds: number | null): Run[] => [
      run('direct', 1, { workload: 'oltp_write_only', perSecond: 1000 }),
      run('mirror-100', 1, {
        ...{ workload: 'oltp_write_only', perSecond, cpuMicros: { user: micros, system: 0 } },
        mirror: { ...mirror, drainSeconds },
      }),
      run('mirror-100-unjournalled', 1, {
        workload: 'oltp_write_only',
        cpuMicros: { user: 50, system: 0 },
      }),
      run('direct-durable', 1, { workload: 'oltp_write_only', perSecond: 500 }),
      run('mirror-100-durable', 1, { workload: 'oltp_write_only', perSecond: perSecond / 2 }),
    ];
    const verdicts = (runs: readonly Run[]) => judge(runs).map(({ verdict }) => verdict);
    expect(verdicts(written(500, 52, 1))).toEqual(['met', 'met', 'met', 'met', 'met']);
    expect(verdicts(written(499, 86, 1.1))).toEqual(['not met', 'not met', 'not met', 'not met', 'not met']);
    expect(verdicts(written(500, 52, null))).toEqual(['met', 'met', 'not met', 'met', 'met']);
  });

  it('say where the rounds differ widely, and where others were at work', () => {
    const results = readResults(KEPT_RESULTS);
    const calm = [run('direct', 1, {}), run('direct', 2, {}), run('direct', 3, {})];
    const shared = [...calm.slice(1), run('direct', 1, { othersShare: 0.3 })];
    const wild = [...calm.slice(1), run('direct', 1, { perSecond: 700 })];
    expect(renderResults({ ...results, runs: calm })).not.toContain('The rounds differ');
    expect(renderResults({ ...results, runs: calm })).not.toContain('Other programs');
    expect(renderResults({ ...results, runs: shared })).toContain('Other programs used up to 30 %');
    expect(renderResults({ ...results, runs: wild })).toContain('The rounds differ');
  });
});

describe("the cores' time", () => {
  it('is told a statement, by who had it, with the idle beside it', () => {
    const time = { client: 8, between: 30, old: 20, new: 10, rest: 2, idleShare: 0.1 };
    const runs = [
      run('mirror-100', 1, { workload: 'oltp_write_only', cores: time }),
      run('mirror-100', 2, { workload: 'oltp_write_only', cores: { ...time, between: 40, idleShare: 0.3 } }),
      run('direct', 1, { workload: 'oltp_write_only' }),
    ];
    const told = renderResults({ ...readResults(KEPT_RESULTS), runs });
    const row = told.split('\n').find((line) => line.includes('Understudy') && line.includes('20.00 %'));
    expect(row?.split('|').map((cell) => cell.trim())).toEqual([
      ...['', 'Understudy, everything at 100'],
      ...['8.0', '35.0', '20.0', '10.0', '2.0', '75.0', '20.00 %', ''],
    ]);
    const reads = runs.map((each) => ({ ...each, workload: 'oltp_point_select' as const }));
    expect(renderResults({ ...readResults(KEPT_RESULTS), runs: reads })).not.toContain('cores idle');
  });
});

describe('the message centre', () => {
  const figures = { seconds: 10, rowsRead: 15_000, rowsWritten: 300, errors: 0, errorSamples: [], p50Ms: 1 };
  const at = (way: CentreRun['way'], round: number, p99Ms: number, cpuMicros: number | null): CentreRun => ({
    ...{ way, round, cpuMicros, lagSeconds: 0.25, drainSeconds: 0.5 },
    figures: { ...figures, statements: 1000, p99Ms },
  });

  it('adds to p99 what one round differs by, and scales CPU to the peak', () => {
    const runs = [
      ...[at('direct', 0, 2, null), at('mirror-100', 0, 5, 80_000)],
      ...[at('direct', 1, 40, null), at('mirror-100', 1, 42, 90_000)],
      ...[at('direct', 2, 2, null), at('mirror-100', 2, 6, 100_000)],
    ];
    expect(addedP99('mirror-100', runs)).toBe(3);
    expect(renderPeak(runs)).toContain('**0.90 CPU seconds a second**');
    expect(renderPeak(runs)).toContain('at most 0.25 s, and gone at most 0.50 s later');
  });
});

describe('the plan', () => {
  const open = { workloads: undefined, protocols: undefined, threads: undefined, rounds: undefined };

  it('judges each aim by more rounds than the rest, in twenty-five minutes without ProxySQL', () => {
    const cases = planCases(open);
    const rounds = (workload: string, threads: number) =>
      cases
        .filter((each) => each.workload === workload && each.threads === threads)
        .map((each) => each.rounds);
    expect(rounds('short_sessions', 8)).toEqual([10, 10]);
    expect(rounds('short_sessions', 64)).toEqual([5]);
    expect(rounds('oltp_read_only', 8)).toEqual([5, 5]);
    const ways = TARGETS.filter((target) => target !== 'proxysql').map((target) => ({
      target,
      warmsUp: target === 'relay' || target.startsWith('mirror') || target.startsWith('reads'),
    }));
    expect(estimateSeconds(cases, 1, ways)).toBeLessThan(25 * 60);
  });

  it('has the ways with TLS take part in one case of a statement and one of a session', () => {
    const withTls = planCases(open).filter((each) => takesPart(each, 'mirror-0-tls'));
    expect(withTls).toMatchObject([
      { workload: 'oltp_point_select', protocol: 'text', threads: 8 },
      { workload: 'short_sessions', protocol: 'text', threads: 8 },
    ]);
    expect(planCases(open).every((each) => takesPart(each, 'mirror-0'))).toBe(true);
  });

  it('has the ways between servers that flush take part where there are commits', () => {
    const flushing = planCases(open).filter((each) => takesPart(each, 'mirror-100-durable'));
    expect(new Set(flushing.map(({ workload }) => workload))).toEqual(
      new Set(['oltp_read_write', 'oltp_write_only']),
    );
    expect(flushing.every(({ protocol, threads }) => protocol === 'text' && threads === 8)).toBe(true);
  });

  it('is the cross of what was asked for', () => {
    expect(planCases({ ...open, workloads: ['oltp_read_only'], threads: [1, 64], rounds: 2 })).toEqual([
      { workload: 'oltp_read_only', protocol: 'text', threads: 1, rounds: 2 },
      { workload: 'oltp_read_only', protocol: 'text', threads: 64, rounds: 2 },
    ]);
  });
});

describe('what is read', () => {
  it('sysbench reports statements, events, their rates, p99 and repeated errors', () => {
    expect(parseSysbench(REPORT)).toEqual({
      statements: 20,
      events: 5,
      statementsPerSecond: 9.75,
      eventsPerSecond: 2.44,
      p99Ms: 0.3,
      ignoredErrors: 3,
    });
    expect(() => parseSysbench('FATAL: error 2002')).toThrow('no statements');
  });

  it('/proc counts CPU in ticks, of ended children too, whatever the name of the process holds', () => {
    const stat = '7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 75 10 5 20 0 11 0 1 2 3';
    expect(parseStat(stat)).toEqual({
      parent: 1,
      cpu: { user: 2_600_000, system: 800_000 },
      ended: { user: 100_000, system: 50_000 },
    });
    expect(() => parseStat('7 (a) S 1')).toThrow('no field 14');
  });

  it('descendants count with the process that started them', () => {
    const ended = { user: 0, system: 0 };
    const entry = (parent: number, user: number) => ({ parent, cpu: { user, system: 1 }, ended });
    const all = new Map([
      [1, entry(0, 1000)],
      [7, entry(1, 10)],
      [8, entry(7, 20)],
      [9, entry(8, 30)],
      [10, entry(1, 500)],
    ]);
    expect(sumOfTree(all, 7)).toEqual({ user: 60, system: 3 });
    expect(() => sumOfTree(all, 11)).toThrow('no process 11');
  });

  it.runIf(process.platform === 'linux')("agrees with Node's own account of this process", () => {
    const [before, told, after] = [readCpuTime(process.pid), process.cpuUsage(), readCpuTime(process.pid)];
    const ticks = 2 * 10_000;
    expect(told.user + told.system).toBeLessThanOrEqual(after.user + after.system + ticks);
    expect(before.user + before.system).toBeLessThanOrEqual(after.user + after.system);
  });

  it('a profile gives self time between two moments, by file and function, without the idle', () => {
    const frame = (functionName: string, url: string, lineNumber: number) => ({
      functionName,
      url,
      lineNumber,
    });
    const profile = parseProfile(
      JSON.stringify({
        nodes: [
          { id: 1, callFrame: frame('(idle)', '', -1) },
          { id: 2, callFrame: frame('relay', 'file:///home/a/dist/proxy/session.js', 41) },
          { id: 3, callFrame: frame('', 'file:///home/a/node_modules/pino/lib/pino.js', 0) },
          { id: 4, callFrame: frame('(garbage collector)', '', -1) },
        ],
        startTime: 1000,
        samples: [2, 2, 1, 3, 4, 2, 2],
        timeDeltas: [100, 300, 500, 100, 200, 400, 9000],
      }),
    );
    const times = selfTimes([profile], { from: 1200, to: 9000 });
    expect(times.map(({ file, weight }) => [file, weight])).toEqual([
      ['dist/proxy/session.js', 700],
      ['(V8 and native code)', 200],
      ['pino/lib/pino.js', 100],
    ]);
    expect(renderSelfTimes(times)).toContain(' 70.0 %  relay:42');
  });

  it("perf's report is told apart by file, and by kernel, V8 and libraries", () => {
    const report = `
# Overhead  Shared Object  Symbol
    12.00%  [kernel.kallsyms]    [k] tcp_ack
     6.00%  [JIT] tid 187  [.] JS:*data file:///home/a/dist/proxy/session.js:32:19
     2.00%  [JIT] tid 187  [.] JS:~ node:net:10:1
     3.00%  node                 [.] Builtins_LoadIC
     1.00%  libc.so.6            [.] malloc
`;
    expect(parsePerfReport(report).map(({ file, functions }) => [file, functions[0]?.name])).toEqual([
      ['(kernel)', 'tcp_ack'],
      ['dist/proxy/session.js', 'data:32'],
      ["(V8's built-in functions)", 'Builtins_LoadIC'],
      ['node:net', ':10'],
      ['(libc.so.6)', 'malloc'],
    ]);
  });

  it('/proc/stat counts what all cores worked, not what they waited', () => {
    const stat = 'cpu  10 2 30 5000 600 4 50 6 700 8\ncpu0 1 1 1 1\n';
    expect(parseMachineCpu(stat)).toBe(1_020_000);
    expect(parseMachineTime(stat)).toEqual({ busy: 1_020_000, idle: 56_000_000 });
  });

  it.runIf(process.platform === 'linux')('a process stands at the head of its descendants', () => {
    expect(readTree(process.pid)[0]).toBe(process.pid);
    expect(readTree(process.ppid)).toContain(process.pid);
  });

  it('options have defaults and bounds', () => {
    expect(parseOptions([])).toMatchObject({ seconds: 1, peers: undefined, docs: false });
    const args =
      '--only short_sessions --threads 8,64 --peers understudy,haproxy --rounds 5 --protocol prepared';
    expect(parseOptions(args.split(' '))).toMatchObject({
      selection: { workloads: ['short_sessions'], protocols: ['prepared'], threads: [8, 64], rounds: 5 },
      peers: ['haproxy', 'mirror-0', 'reads-100', 'mirror-100', 'mirror-100-unjournalled'],
    });
    expect(parseOptions(['--peers', 'tls'])).toMatchObject({
      peers: ['direct', 'mirror-0', 'direct-tls', 'mirror-0-tls'],
    });
    expect(parseOptions(['--peers', 'direct,durable'])).toMatchObject({
      peers: ['direct', 'direct-durable', 'relay-durable', 'mirror-0-durable', 'mirror-100-durable'],
    });
    expect(parseOptions(['--quick', '--rounds', '2'])).toMatchObject({
      seconds: 1,
      selection: { rounds: 2, protocols: ['text'] },
    });
    expect(parseOptions(['--full', '--docs'])).toMatchObject({ selection: { threads: [1, 8, 64] } });
    for (const args of [
      ...[['--rounds', '0'], ['--seconds', 'x'], ['--threads', '8,'], ['--odd'], ['file']],
      ...[
        ['--only', 'oltp'],
        ['--peers', 'nobody'],
        ['--cpuprofile', 'x', '--perf'],
      ],
      ...[
        ['--quick', '--docs'],
        ['--docs', '--peers', 'direct'],
        ['--docs', '--profile'],
        ['--docs', '--pin'],
      ],
    ]) {
      expect(parseOptions(args), args.join(' ')).toHaveProperty('fault');
    }
  });
});
