/**
 * The control group, in a process of its own: the same statements in turn through the proxy and directly to
 * the old server, on connections that stay. `probe-worker.ts CONFIG`, a ProbeConfig as JSON.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, createConnection } from 'mysql2/promise';
import { messageOf } from '../../src/base/errors.ts';
import { withDeadline } from '../../test/harness/deadline.ts';
import { folderId, MOVED_TABLES } from '../../test/harness/message-centre.ts';
import {
  PROBES,
  type ProbeConfig,
  type ProbeFigures,
  type ProbeKind,
  type ProbeLine,
  type ProbeShard,
  type Spread,
  type ToProbe,
} from './probe-messages.ts';

type Way = 'direct' | 'proxy';

const ROUND_PAUSE_MS = 12;
const ANSWER_TIMEOUT_MS = 20_000;
const CONNECT_EVERY = 8;
const WRITE_EVERY = 4;
const REPORT_EVERY = 32;
const SAMPLES_MAX = 50_000;
const ITEM_FIRST = 900_000_000_000_000n;

const config = JSON.parse(process.argv[2] ?? '') as ProbeConfig;
const timed = new Map<string, Record<ProbeKind, Record<Way, number[]>>>();
const kept = new Map<string, Connection>();
const errorSamples: string[] = [];
let errors = 0;
let period = '';
let stopping = false;

process.on('message', (message: ToProbe) => {
  if (message.type === 'stop') stopping = true;
  else period = message.name;
});
// A terminal's Ctrl-C reaches every process; the demo decides in which order they end.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(1));

for (let round = 0; !stopping; round += 1) {
  const shard = config.shards[round % config.shards.length];
  if (shard !== undefined && period !== '') await runRound(shard, Math.floor(round / config.shards.length));
  if (round % REPORT_EVERY === 0) report([]);
  await delay(ROUND_PAUSE_MS);
}
for (const connection of kept.values()) await connection.end().catch(() => {});
process.send?.({ errors, errorSamples, lines: lines() } satisfies ProbeFigures, () => process.exit(0));

/** Which way goes first changes every time, so that neither always finds the caches warm. */
async function runRound(shard: ProbeShard, turn: number): Promise<void> {
  const ways: Way[] = turn % 2 === 0 ? ['direct', 'proxy'] : ['proxy', 'direct'];
  const samples = { connect: {}, read: {}, write: {} } as Record<ProbeKind, Partial<Record<Way, number>>>;
  const begunIn = period;
  try {
    for (const way of ways) {
      if (turn % CONNECT_EVERY === 0) samples.connect[way] = await timeConnect(shard, way);
      samples.read[way] = await timeRead(shard, way, turn);
      if (turn % WRITE_EVERY === 0) samples.write[way] = await timeWrite(shard, way, turn);
    }
  } catch (error) {
    errors += 1;
    if (errorSamples.length < 3) errorSamples.push(messageOf(error));
    drop(shard);
    return;
  }
  // A pair that straddles two periods belongs to neither.
  if (begunIn === period) keep(samples);
}

async function timeConnect(shard: ProbeShard, way: Way): Promise<number> {
  const started = performance.now();
  const connection = await connect(shard, way);
  const milliseconds = performance.now() - started;
  await connection.end();
  return milliseconds;
}

async function timeRead(shard: ProbeShard, way: Way, turn: number): Promise<number> {
  const table = MOVED_TABLES[turn % MOVED_TABLES.length] ?? MOVED_TABLES[0];
  const folder = folderId((turn * 7) % config.folders);
  return time(
    shard,
    way,
    `SELECT folderid, type, itemid, senderid, ts, title FROM ${table} WHERE folderid = ${folder} ORDER BY ts DESC, type, itemid LIMIT 25`,
  );
}

/**
 * An insert, which is timed, and a delete of the same row. They touch a folder that nobody else looks at, and
 * each way has rows of its own, so that what goes past the proxy leaves nothing that the mirror could miss.
 */
async function timeWrite(shard: ProbeShard, way: Way, turn: number): Promise<number> {
  const table = MOVED_TABLES[turn % MOVED_TABLES.length] ?? MOVED_TABLES[0];
  const folder = folderId(config.folders + 1);
  const item = ITEM_FIRST + BigInt(turn * 2 + (way === 'direct' ? 0 : 1));
  const milliseconds = await time(
    shard,
    way,
    `INSERT INTO ${table} (folderid, type, itemid, senderid, ts, title) VALUES (${folder}, 1, ${item}, 1, ${turn}, 'probe')`,
  );
  await time(shard, way, `DELETE FROM ${table} WHERE folderid = ${folder} AND type = 1 AND itemid = ${item}`);
  return milliseconds;
}

async function time(shard: ProbeShard, way: Way, sql: string): Promise<number> {
  const name = `${way} ${shard.database}`;
  const connection = kept.get(name) ?? (await connect(shard, way));
  kept.set(name, connection);
  const started = performance.now();
  await withDeadline(connection.query(sql), ANSWER_TIMEOUT_MS);
  return performance.now() - started;
}

async function connect(shard: ProbeShard, way: Way): Promise<Connection> {
  const port = way === 'direct' ? shard.directPort : shard.proxyPort;
  const connection = await createConnection({
    host: '127.0.0.1',
    port,
    database: shard.database,
    ...config.account,
    connectTimeout: ANSWER_TIMEOUT_MS,
  });
  connection.on('error', () => {});
  return connection;
}

function drop(shard: ProbeShard): void {
  for (const way of ['direct', 'proxy'] as const) {
    kept.get(`${way} ${shard.database}`)?.destroy();
    kept.delete(`${way} ${shard.database}`);
  }
}

function keep(samples: Record<ProbeKind, Partial<Record<Way, number>>>): void {
  const lists = timed.get(period) ?? {
    connect: { direct: [], proxy: [] },
    read: { direct: [], proxy: [] },
    write: { direct: [], proxy: [] },
  };
  timed.set(period, lists);
  for (const kind of PROBES) {
    const { direct, proxy } = samples[kind];
    if (direct === undefined || proxy === undefined || lists[kind].direct.length >= SAMPLES_MAX) continue;
    lists[kind].direct.push(direct);
    lists[kind].proxy.push(proxy);
  }
}

function report(reported: readonly ProbeLine[]): void {
  process.send?.({ errors, errorSamples, lines: reported } satisfies ProbeFigures);
}

function lines(): ProbeLine[] {
  return [...timed].flatMap(([name, lists]) =>
    PROBES.map((kind) => ({
      period: name,
      kind,
      direct: spread(lists[kind].direct),
      proxy: spread(lists[kind].proxy),
    })),
  );
}

function spread(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99) };
}
