/** The two questions: what idle connections hold, and what a reader that stops reading makes the proxy hold. */
import { connect } from 'node:net';
import { createConnection } from 'mysql2';
import type { Connection } from 'mysql2/promise';
import type { Mariadb } from '../test/harness/mariadb.ts';
import type { Proxy as RunningProxy } from '../test/harness/proxy.ts';
import { waitFor } from '../test/harness/wait.ts';
import { openSession, residentAtRest, residentOf, SHARDS, startWith, warmUp } from './memory-stage.ts';
import { readTree } from './process-cpu.ts';

export const CONNECTIONS = 1000;
/** About 1 GiB, in rows as a large listing has them. */
const ROWS = 105_000;
const ROW_CHARACTERS = 10_200;
const OPENED_AT_ONCE = 20;
const SAMPLE_MS = 50;
const STILL_READINGS = 4;
const STILL_GAP_MS = 500;

export interface IdleRun {
  readonly workers: number;
  readonly processes: number;
  /** Bytes: the least after some sessions that came and went, and the most with 1,000 and with 2,000 open. */
  readonly before: number;
  readonly first: number;
  readonly second: number;
}

export interface StalledRun {
  readonly resultBytes: number;
  readonly before: number;
  /** The highest while nothing is read, and while the rest is. */
  readonly stalled: number;
  readonly reading: number;
  /** What had passed the proxy when the client had stopped for good. */
  readonly relayedBytes: number;
}

export async function measureIdle(server: Mariadb, workers: number): Promise<IdleRun> {
  const proxy = await startWith(server, workers);
  try {
    await warmUp(proxy);
    const { lowest: before } = await residentAtRest(proxy);
    const some = await openIdle(proxy);
    const { highest: first } = await residentAtRest(proxy);
    const more = await openIdle(proxy);
    const { highest: second } = await residentAtRest(proxy);
    for (const client of [...some, ...more]) client.destroy();
    return { workers, processes: readTree(proxy.pid).length, before, first, second };
  } finally {
    await proxy.stop();
  }
}

async function openIdle(proxy: RunningProxy): Promise<Connection[]> {
  const clients: Connection[] = [];
  while (clients.length < CONNECTIONS) {
    const numbers = Array.from({ length: OPENED_AT_ONCE }, (_, index) => clients.length + index);
    clients.push(...(await Promise.all(numbers.map((number) => openSession(proxy, number)))));
  }
  return clients;
}

export async function measureStalled(server: Mariadb): Promise<StalledRun> {
  const proxy = await startWith(server, 1);
  try {
    await warmUp(proxy);
    const { lowest: before } = await residentAtRest(proxy);
    const socket = connect(proxy.port(SHARDS[0]), '127.0.0.1');
    const client = createConnection({ stream: socket, user: 'root', database: `old_${SHARDS[0]}` });
    await new Promise<void>((resolve, reject) =>
      client.connect((error) => (error ? reject(error) : resolve())),
    );
    const peak = peakOf(proxy);
    let rows = 0;
    const query = client.query(`SELECT seq, REPEAT('x', ${ROW_CHARACTERS}) AS text FROM seq_1_to_${ROWS}`);
    const done = new Promise<void>((resolve, reject) => {
      query.on('result', () => {
        rows += 1;
      });
      query.on('error', reject);
      query.on('end', resolve);
    });
    // The query goes out first; of its answer nothing is read.
    setImmediate(() => socket.pause());
    const relayedBytes = await untilStill(proxy);
    const stalled = peak.highest();
    socket.resume();
    await done;
    const reading = peak.end();
    client.destroy();
    if (rows !== ROWS) throw new Error(`${rows} rows came through, not ${ROWS}`);
    return { resultBytes: ROWS * ROW_CHARACTERS, before, stalled, reading, relayedBytes };
  } finally {
    await proxy.stop();
  }
}

function peakOf(proxy: RunningProxy): { highest(): number; end(): number } {
  let highest = 0;
  const look = (): number => {
    highest = Math.max(highest, residentOf(proxy));
    return highest;
  };
  const timer = setInterval(look, SAMPLE_MS);
  return {
    highest: look,
    end: () => {
      clearInterval(timer);
      return look();
    },
  };
}

/** Waits until nothing flows to the client any more; the bytes that did. */
async function untilStill(proxy: RunningProxy): Promise<number> {
  let last = -1;
  let still = 0;
  await waitFor(
    async () => {
      const now = await proxy.metric('understudy_relayed_bytes_total', { direction: 'to_client' });
      still = now === last && now > ROW_CHARACTERS ? still + 1 : 0;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, STILL_GAP_MS));
      return still >= STILL_READINGS;
    },
    { what: 'the result to stand still', timeoutMs: 60_000 },
  );
  return last;
}
