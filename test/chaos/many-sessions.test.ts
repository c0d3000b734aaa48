/**
 * Storms of short sessions: at full speed up to `maxConnections`, past it a clean refusal; and a proxy that is
 * drained under load while another takes over loses no statement that was answered.
 */
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import { badLogLines, figures, untilNobodyIsConnected } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { describe as describeError } from './checked-stream.ts';
import {
  type Break,
  describeBreak,
  LEDGER_SCHEMA,
  LEDGER_TABLES,
  LedgerWriter,
  readLedger,
} from './ledger.ts';

const run = chaosRun('many-sessions');
const DATABASE = 'app';
const SHARD = 's00';
const CONNECTIONS_MAX = 24;
const CALLERS = 2 * CONNECTIONS_MAX;
const TOO_MANY = 1040;
const WRITERS = 12;
const CONNECT_TIMEOUT_MS = 30_000;

let old: Mariadb;
let fresh: Mariadb;
/** Two ports, each with the proxy that serves it now. */
const places: { readonly port: number; readonly adminPort: number; proxy: RunningProxy }[] = [];

beforeAll(async () => {
  [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMariadb({ name: 'new' })]);
  for (const server of [old, fresh])
    await server.query(`CREATE DATABASE ${DATABASE}; USE ${DATABASE}; ${LEDGER_SCHEMA}`);
  const [one = 0, two = 0, adminOne = 0, adminTwo = 0] = await freePorts(4);
  for (const [port, adminPort] of [
    [one, adminOne],
    [two, adminTwo],
  ] as const) {
    places.push({ port, adminPort, proxy: await startOn(port, adminPort) });
  }
});

afterAll(async () => {
  await Promise.all(places.map(({ proxy }) => proxy.kill9()));
  await Promise.all([old?.destroy(), fresh?.destroy()]);
});

function startOn(port: number, adminPort: number): Promise<RunningProxy> {
  const side = ({ host, port: serverPort }: Mariadb) => ({ host, port: serverPort, database: DATABASE });
  return startProxy({
    config: {
      shards: [{ name: SHARD, port, old: side(old), new: side(fresh) }],
      admin: { port: adminPort },
      tables: LEDGER_TABLES,
      maxConnections: CONNECTIONS_MAX,
      mirror: { reads: 100, writes: 100, deletes: 100 },
    },
  });
}

interface Storm {
  served: number;
  refused: number;
  readonly wrong: string[];
}

/** Connects, asks one thing, and goes, as a PHP page does. */
async function call(storm: Storm, port: number, number: number): Promise<void> {
  let connection: Connection | undefined;
  try {
    connection = await createConnection({
      host: '127.0.0.1',
      port,
      user: 'root',
      database: DATABASE,
      connectTimeout: CONNECT_TIMEOUT_MS,
    });
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT ${number} AS number, CONNECTION_ID() > 0 AS id`,
    );
    if (rows[0]?.number !== number || rows[0].id !== 1)
      storm.wrong.push(`${number} gave ${JSON.stringify(rows)}`);
    await connection.end();
    storm.served += 1;
  } catch (error) {
    connection?.destroy();
    if (error instanceof Error && 'errno' in error && error.errno === TOO_MANY) storm.refused += 1;
    else storm.wrong.push(describeError(error));
  }
}

describe(`many sessions (${run.title})`, () => {
  it('a storm is served up to maxConnections, and refused past it', { timeout: run.timeoutMs }, async () => {
    const { port, proxy } = places[0]!;
    const storm: Storm = { served: 0, refused: 0, wrong: [] };
    const timeIsUp = run.clock();
    let number = 0;
    const caller = async (): Promise<void> => {
      while (storm.wrong.length === 0 && (!timeIsUp() || storm.refused === 0)) {
        number += 1;
        await call(storm, port, number);
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    expect(storm.wrong).toEqual([]);
    expect(storm.served).toBeGreaterThan(CALLERS);
    await untilNobodyIsConnected(proxy);
    const figure = await figures(proxy);
    expect(figure('understudy_connections_refused_total', { reason: 'max_connections' })).toBe(storm.refused);
    expect(figure('understudy_connections_refused_total')).toBe(storm.refused);
    expect(figure('understudy_statements_total', { outcome: 'ok' })).toBe(storm.served);
    expect(badLogLines(proxy)).toEqual([]);
  });

  it('drains under load lose nothing that was answered', { timeout: run.timeoutMs }, async () => {
    let over: 'no' | 'yes' = 'no';
    let leading = 0;
    const writers = Array.from({ length: WRITERS }, (_, writer) => {
      // The failover of an application: the other place from the next session on.
      const options = { writer, random: run.random(10 + writer), database: DATABASE };
      return new LedgerWriter({ ...options, port: () => places[leading]!.port });
    });
    const load = Promise.all(
      writers.map(async (writer) => {
        while (over === 'no') await writer.session();
      }),
    );
    const sessions = () => writers.reduce((sum, writer) => sum + writer.sessions, 0);
    const exits: (number | null)[] = [];
    try {
      const random = run.random(1);
      const timeIsUp = run.clock();
      do {
        const goal = sessions() + random.integer(10, 200);
        await waitFor(() => sessions() >= goal, { timeoutMs: 60_000, what: 'the load to go on' });
        const place = places[leading]!;
        // Some still come to the one that goes: they are refused, and must lose nothing by it.
        const stopping = place.proxy.stop(CONNECT_TIMEOUT_MS);
        if (random.chance(0.5))
          await waitFor(() => isRefusing(place.port), { what: 'the port to be closed' });
        leading = 1 - leading;
        exits.push((await stopping).code);
        expect(badLogLines(place.proxy)).toEqual([]);
        place.proxy = await startOn(place.port, place.adminPort);
      } while (!timeIsUp());
    } finally {
      over = 'yes';
      await load;
    }
    expect(exits.filter((code) => code !== 0)).toEqual([]);
    const breaks = writers.flatMap((writer) => writer.breaks);
    expect(breaks.filter((each) => !isDisconnection(each)).map(describeBreak)).toEqual([]);
    // A drain waits for what is open: nobody may lose a transaction by it.
    expect(breaks.filter(({ during }) => during === 'transaction').map(describeBreak)).toEqual([]);
    expect(writers.flatMap(({ faults }) => faults)).toEqual([]);
    await expectAnsweredIsThere(writers);
  });
});

async function isRefusing(port: number): Promise<boolean> {
  try {
    const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' });
    connection.destroy();
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
  }
}

function isDisconnection({ error }: Break): boolean {
  const codes = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST'];
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

async function expectAnsweredIsThere(writers: readonly LedgerWriter[]): Promise<void> {
  const onOld = await readLedger(old, DATABASE);
  const folders = writers.flatMap((writer) => writer.folders);
  const sure = folders.filter(({ state }) => state === 'sure');
  expect(sure.length).toBeGreaterThan(folders.length / 2);
  for (const { id, items } of sure)
    expect({ id, items: [...(onOld.get(id) ?? [])].sort() }).toEqual({ id, items: [...items].sort() });
}
