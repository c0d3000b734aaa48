/**
 * `npm run bench:centre`: what the message centre's mix of statements over 16 shards costs with everything mirrored,
 * at a rate that this machine carries, and what follows from that for the original site's peak.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runCommand } from '../test/harness/cli.ts';
import { waitFor } from '../test/harness/wait.ts';
import type { CentreFigures, CentreLoad } from './centre-load.ts';
import { type CentreRun, renderCentre } from './centre-page.ts';
import { type CentreWay, FOLDERS, SHARDS, setCentreStage } from './centre-stage.ts';
import { describeCommit, describeMachine } from './machine.ts';
import { readCpuTime } from './process-cpu.ts';

const USAGE = `usage: npm run bench:centre -- [--rate N] [--seconds N] [--rounds N]
  --rate N     statements a second that the visitors aim at (1000)
  --seconds N  length of one run (10)
  --rounds N   runs of each way (3)
`;
const LOAD = fileURLToPath(new URL('centre-load.ts', import.meta.url));
const USERS_A_SHARD = 4;
const MARGIN_MS = 60_000;
const WARM_UP_SECONDS = 3;

async function run(args: readonly string[]): Promise<number> {
  const asked = readArguments(args);
  if (asked === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  const [machine, commit] = [await describeMachine(), await describeCommit()];
  const workers = Math.min(SHARDS, availableParallelism());
  process.stderr.write('bench: filling 16 shards for each way\n');
  const stage = await setCentreStage(workers);
  try {
    const runs: CentreRun[] = [];
    for (const way of stage.ways) await load(way, { ...asked, seconds: WARM_UP_SECONDS, round: 9 });
    for (let round = 0; round < asked.rounds; round++) {
      for (const way of stage.ways) runs.push(await measure(way, { ...asked, round }));
    }
    process.stdout.write(`${renderCentre({ machine, commit, workers, rate: asked.rate, runs })}\n`);
    return runs.some(({ figures }) => figures.errors > 0) ? 1 : 0;
  } finally {
    await stage.end();
  }
}

type Asked = Pick<CentreLoad, 'rate' | 'seconds' | 'round'>;

async function measure(way: CentreWay, asked: Asked): Promise<CentreRun> {
  const { proxy } = way;
  const before = proxy === null ? null : readCpuTime(proxy.pid);
  const figures = await load(way, asked);
  const ended = performance.now();
  const lagSeconds = proxy === null ? null : await lagOf(way);
  if (proxy !== null)
    await waitFor(async () => (await lagOf(way)) === 0, {
      what: 'the mirror to catch up',
      timeoutMs: MARGIN_MS,
    });
  const drainSeconds = proxy === null ? null : (performance.now() - ended) / 1000;
  // What the mirror had left is these statements' too.
  const after = proxy === null ? null : readCpuTime(proxy.pid);
  const cpuMicros =
    before === null || after === null ? null : after.user + after.system - before.user - before.system;
  process.stderr.write(
    `bench: ${way.name}: ${Math.round(figures.statements / figures.seconds)}/s, p99 ${figures.p99Ms.toFixed(2)} ms\n`,
  );
  for (const text of figures.errorSamples) process.stderr.write(`bench: ${way.name}: ${text}\n`);
  return { way: way.name, round: asked.round, figures, cpuMicros, lagSeconds, drainSeconds };
}

async function load(way: CentreWay, { rate, seconds, round }: Asked): Promise<CentreFigures> {
  const config: CentreLoad = {
    shards: way.shards,
    folders: FOLDERS,
    usersAShard: USERS_A_SHARD,
    ...{ rate, seconds, round },
  };
  const args = ['--import', import.meta.resolve('tsx'), LOAD, JSON.stringify(config)];
  const done = await runCommand(process.execPath, args, { timeoutMs: seconds * 1000 + MARGIN_MS });
  if (done.code !== 0) throw new Error(`the load ended with ${done.code}\n${done.stderr}`);
  return JSON.parse(done.stdout) as CentreFigures;
}

async function lagOf({ proxy }: CentreWay): Promise<number> {
  const shards = (await proxy?.status())?.shards ?? [];
  return Math.max(0, ...shards.map(({ lagSeconds }) => lagSeconds));
}

/** Null where the arguments are wrong. */
function readArguments(
  args: readonly string[],
): { readonly rate: number; readonly seconds: number; readonly rounds: number } | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rate: { type: 'string', default: '1000' },
        seconds: { type: 'string', default: '10' },
        rounds: { type: 'string', default: '3' },
      },
    });
    const [rate = 0, seconds = 0, rounds = 0] = [values.rate, values.seconds, values.rounds].map(Number);
    const good = [rate, seconds, rounds].every((value) => Number.isInteger(value) && value > 0);
    return good && rounds < 10 ? { rate, seconds, rounds } : null;
  } catch {
    return null;
  }
}

// Through process.exit, so that the servers and the temporary folders go at once.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.exit(await run(process.argv.slice(2)));
