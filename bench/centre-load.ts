/**
 * The message centre's visitors for a while, in a process of their own: `centre-load.ts CONFIG`, a CentreLoad as
 * JSON. Prints CentreFigures as JSON.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadShard } from '../test/harness/load-figures.ts';
import { LoadUser } from '../test/harness/message-centre-user.ts';

export interface CentreLoad {
  readonly shards: readonly LoadShard[];
  readonly folders: number;
  readonly usersAShard: number;
  /** Statements a second, all users together. */
  readonly rate: number;
  readonly seconds: number;
  /** Another number for each load on the same data. */
  readonly round: number;
}

export interface CentreFigures {
  readonly seconds: number;
  readonly statements: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly errors: number;
  readonly errorSamples: readonly string[];
  /** Of a statement, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const STREAMS_A_ROUND = 100;

const config = JSON.parse(process.argv[2] ?? '') as CentreLoad;
const latencies: number[] = [];
const users = config.shards.flatMap((shard) =>
  Array.from({ length: config.usersAShard }, (_, index) => {
    const stream = (config.round % 10) * STREAMS_A_ROUND + index;
    const account = { user: 'root', password: '' };
    const answered = (milliseconds: number): void => void latencies.push(milliseconds);
    // One user in four keeps its connection, as a worker process would.
    return new LoadUser({
      shard,
      account,
      folders: config.folders,
      stream,
      stays: index % 4 === 3,
      answered,
    });
  }),
);
const paceMs = (1000 * users.length) / config.rate;
const began = performance.now();
await Promise.all(users.map(runUser));
process.stdout.write(JSON.stringify(figures()));

/** Sessions one after the other, at the pace with which all users together make the rate. */
async function runUser(user: LoadUser, index: number): Promise<void> {
  let due = began + (paceMs * 8 * index) / users.length;
  while (due < began + config.seconds * 1000 && performance.now() < began + config.seconds * 1000) {
    await delay(Math.max(0, due - performance.now()));
    due += (await user.runSession()) * paceMs;
  }
  await user.leave();
}

function figures(): CentreFigures {
  const all = users.map((user) => user.figures);
  const sum = (read: (of: (typeof all)[number]) => number) =>
    all.reduce((total, one) => total + read(one), 0);
  const sorted = latencies.toSorted((a, b) => a - b);
  const quantile = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return {
    seconds: (performance.now() - began) / 1000,
    statements: sum(({ statements }) => statements),
    rowsRead: sum(({ rowsRead }) => rowsRead),
    rowsWritten: sum(({ rowsWritten }) => rowsWritten),
    errors: sum(({ errors }) => errors),
    errorSamples: all.flatMap(({ errorSamples }) => errorSamples).slice(0, 3),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  };
}
