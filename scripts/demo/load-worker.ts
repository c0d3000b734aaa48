/**
 * The process that makes the load, apart from the demo so that neither's work shows in the other's clock:
 * `load-worker.ts CONFIG`, a LoadConfig as JSON. It tells its figures to its parent and ends with it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadFigures } from '../../test/harness/load-figures.ts';
import { LoadUser } from '../../test/harness/message-centre-user.ts';
import type { LoadConfig, ToLoad } from './load-messages.ts';

const REPORT_MS = 250;
const STREAMS_A_ROUND = 400;

const config = JSON.parse(process.argv[2] ?? '') as LoadConfig;
const users = config.shards.flatMap((shard, shardIndex) =>
  Array.from({ length: config.usersAShard }, (_, index) => {
    const stream = config.round * STREAMS_A_ROUND + shardIndex * config.usersAShard + index;
    // One user in four keeps its connection, as a worker process would.
    return new LoadUser({ ...config, shard, stream, stays: index % 4 === 3 });
  }),
);
const paceMs = (1000 * users.length) / config.rate;

const stopped = new AbortController();
process.on('message', (message: ToLoad) => {
  if (message.type === 'stop') stopped.abort();
});
// A terminal's Ctrl-C reaches every process; the demo decides in which order they end.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(1));

const reporter = setInterval(report, REPORT_MS);
await Promise.all(users.map(runUser));
clearInterval(reporter);
report();
process.exit(0);

/** Runs sessions one after the other, at the pace that all users together make the rate with. */
async function runUser(user: LoadUser, index: number): Promise<void> {
  let due = performance.now() + (paceMs * 8 * index) / users.length;
  while (!stopped.signal.aborted) {
    await rest(due - performance.now());
    if (stopped.signal.aborted) break;
    const statements = await user.runSession();
    // What was missed while the machine was busy is not made up for: real visitors would not either.
    due = Math.max(due, performance.now() - 1000) + statements * paceMs;
  }
  await user.leave();
}

async function rest(milliseconds: number): Promise<void> {
  if (milliseconds > 0) await delay(milliseconds, undefined, { signal: stopped.signal }).catch(() => {});
}

function report(): void {
  const all = users.map((user) => user.figures);
  const sum = (read: (figures: LoadFigures) => number) => all.reduce((total, one) => total + read(one), 0);
  const figures: LoadFigures = {
    statements: sum((one) => one.statements),
    prepared: sum((one) => one.prepared),
    sessions: sum((one) => one.sessions),
    longSessions: sum((one) => one.longSessions),
    transactions: sum((one) => one.transactions),
    rowsRead: sum((one) => one.rowsRead),
    rowsWritten: sum((one) => one.rowsWritten),
    errors: sum((one) => one.errors),
    errorSamples: all.flatMap((one) => one.errorSamples).slice(0, 5),
  };
  process.send?.(figures);
}
