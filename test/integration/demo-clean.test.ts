/** The demo as its users start it: what it says at its end, and that nothing stays behind, however it ends. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Child, startChild } from '../harness/process.ts';
import { REPOSITORY } from '../harness/repository.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';

const MARK = 'UNDERSTUDY_DEMO_UNDER_TEST';
/** Enough to select statements for a host that is down. */
const SHORT = ['--seconds', '5', '--rate', '300'];
/** About fifteen seconds on a machine with nothing else to do. */
const RUN_TIMEOUT_MS = 180_000;
/** The servers, etcd, and what started them. */
const PROCESSES_MIN = 6;

interface Demo {
  readonly child: Child;
  /** Ids of the processes that are, or come from, this demo. */
  processes(): number[];
  /** What it holds in the directory of temporary files. */
  files(): string[];
  /** Waits until its output holds `text`. */
  shows(text: string): Promise<unknown>;
}

describe('the demo', () => {
  it('plays to its end, and its clients see no error', { timeout: RUN_TIMEOUT_MS }, async () => {
    const demo = await startDemo('whole', ...SHORT);
    const { code } = await demo.child.exited;
    const output = demo.child.stdout();
    expect(demo.child.stderr()).toBe('');
    expect(output).toMatch(/^client errors: 0$/m);
    expect(output).toMatch(/^statements relayed +[1-9]/m);
    expect(output).toMatch(/^mirrored +[1-9][\d,]* \(read \d/m);
    expect(output).toMatch(/^dropped +[1-9][\d,]* \(.*dropped_shadow_down [1-9]/m);
    expect(output).toMatch(/^ +read, mirroring +[\d.]+ ms/m);
    expect(output.match(/applied in \d/g)).toHaveLength(8);
    expect(output).toContain('breakers open');
    expect(output).toContain('all units are let in again');
    expect(output).toContain('the journal names');
    expect(widest(output)).toBeLessThanOrEqual(100);
    expect(code).toBe(0);
    await expectNothingLeft(demo);
  });

  it.each([
    ['while its servers start', 'SIGINT', 130, 'starting 2 old'],
    ['while it fills them', 'SIGTERM', 143, 'filling shard s01'],
    ['while a new host is down', 'SIGINT', 130, 'breakers open'],
  ] as const)(
    'leaves nothing behind when it is interrupted %s',
    { timeout: RUN_TIMEOUT_MS },
    async (_when, signal, exitCode, moment) => {
      const demo = await startDemo('cut', ...SHORT);
      await demo.shows(moment);
      if (moment !== 'starting 2 old') expect(demo.processes().length).toBeGreaterThanOrEqual(PROCESSES_MIN);
      expect(demo.files()).not.toEqual([]);
      demo.child.signal(signal);
      const { code } = await demo.child.exited;
      expect(demo.child.stderr()).toContain('interrupted');
      expect(code).toBe(exitCode);
      await expectNothingLeft(demo);
    },
  );

  it('ends too when who started it is killed', { timeout: RUN_TIMEOUT_MS }, async () => {
    const demo = await startDemo('orphan', ...SHORT);
    await demo.shows('filling shard');
    await demo.child.kill9();
    await expectNothingLeft(demo);
  });

  it('refuses what it does not know, and starts nothing', async () => {
    const demo = await startDemo('refused', '--seconds', 'many');
    expect((await demo.child.exited).code).toBe(2);
    expect(demo.child.stderr()).toContain('--seconds takes a whole number');
    expect(demo.files()).toEqual([]);
  });
});

async function startDemo(name: string, ...args: readonly string[]): Promise<Demo> {
  const folder = temporaryDirectory(`demo-${name}`);
  const mark = `${process.pid}-${folder}`;
  const script = fileURLToPath(new URL('scripts/run.mjs', REPOSITORY));
  const child = await startChild({
    name: 'demo',
    command: process.execPath,
    args: [script, 'scripts/demo/main.ts', ...args],
    env: { TMPDIR: folder, [MARK]: mark, NO_COLOR: '1' },
  });
  return {
    child,
    processes: () => processesMarked(`${MARK}=${mark}`),
    // tsx and Node keep caches of compiled code among the temporary files, for the next run.
    files: () => readdirSync(folder).filter((file) => file.startsWith('understudy-')),
    shows: (text) =>
      waitFor(() => child.stdout().includes(text) || (child.running() ? false : 'ended'), {
        what: `the demo to show "${text}"`,
        timeoutMs: RUN_TIMEOUT_MS,
      }),
  };
}

async function expectNothingLeft(demo: Demo): Promise<void> {
  // The last to end is a shell that makes sure of the files; it does so when all others are gone.
  await waitFor(() => demo.processes().length === 0, {
    what: 'the last process to end',
    timeoutMs: 30_000,
  });
  expect(demo.files()).toEqual([]);
}

/** A child inherits its parent's environment: every process that carries the mark. */
function processesMarked(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(mark);
      } catch {
        // It ended meanwhile.
        return false;
      }
    })
    .map(Number);
}

function widest(output: string): number {
  return Math.max(...output.split('\n').map((line) => line.length));
}
