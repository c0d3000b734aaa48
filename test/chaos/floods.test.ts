/** Floods: each takes what it can of one resource. The proxy gives no more than its bounds, and serves the others. */
import { execFileSync } from 'node:child_process';
import { connect as dial, type Socket } from 'node:net';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HOSTILE_FORMS, SLOW_TO_PARSE } from '../harness/hostile-sql.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { packets, query } from '../harness/packet-writer.ts';
import { freePorts } from '../harness/ports.ts';
import { residentBytes } from '../harness/processes.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import { ByteWitness } from './byte-witness.ts';
import { badLogLines, figures, untilNobodyIsConnected } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { type Flooder, logInTo, ObligingServer } from './obliging-server.ts';
import { SCHEMA_USER, SCRIPTED_DATABASE } from './scripted-sessions.ts';
import { MOVED_TABLE } from './session-grammar.ts';

const run = chaosRun('floods');
/** The floods of a run of a minute, and so less or more. */
const sized = (aMinute: number, least: number): number =>
  Math.max(least, Math.round((aMinute * run.seconds) / 60));
const MEBIBYTE = 1024 * 1024;
const GROWTH_MAX_BYTES = 192 * MEBIBYTE;
const PLANS = 500;
/** Between two bytes of a client that dribbles. */
const DRIBBLE_MS = 20;
const LOGIN_TIMEOUT_MS = run.full ? 10_000 : 1500;
/** A byte at a time it takes longer than a login may. */
const DRIBBLED_LOGIN_BYTES = LOGIN_TIMEOUT_MS / DRIBBLE_MS + 1000;
/** Files that the starved proxy may still open beyond those it has. */
const FILES_LEFT = 24;

let old: Mariadb;
let fresh: Mariadb;
let proxy: RunningProxy;
let witness: ByteWitness;
const server = new ObligingServer();
const sockets: Socket[] = [];

beforeAll(async () => {
  [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMariadb({ name: 'new' })]);
  for (const real of [old, fresh])
    await real.query('CREATE DATABASE app; CREATE TABLE app.kept (id BIGINT PRIMARY KEY, v INT)');
  const [oldPort = 0, ...ports] = await freePorts(3);
  await server.listen(oldPort);
  const real = ({ host, port }: Mariadb) => ({ host, port, database: 'app' });
  proxy = await startProxy({
    config: {
      shards: [
        {
          name: 'flooded',
          port: ports[0]!,
          old: { host: '127.0.0.1', port: oldPort, database: SCRIPTED_DATABASE },
          // Nothing listens there: what is mirrored is dropped at once, and the flood's cost is the relay's.
          new: { host: '127.0.0.1', port: 1, database: 'new' },
        },
        { name: 'real', port: ports[1]!, old: real(old), new: real(fresh) },
      ],
      workers: 1,
      tables: { [MOVED_TABLE]: { key: 'id' }, kept: { key: 'id' } },
      oldUser: { user: SCHEMA_USER },
      mirror: { reads: 100, writes: 100, deletes: 100 },
      plans: PLANS,
      loginTimeoutMs: LOGIN_TIMEOUT_MS,
      maxConnections: 5000,
    },
  });
});

afterAll(async () => {
  await proxy?.kill9();
  await Promise.all([server.close(), old?.destroy(), fresh?.destroy()]);
});

beforeEach(() => {
  const direct = { ...wellBehaved(), port: old.port };
  witness = new ByteWitness({ proxied: wellBehaved(), direct, lasting: true });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await witness.goesOn();
  expect(await witness.stop()).toBeNull();
  await untilNobodyIsConnected(proxy);
  expect(badLogLines(proxy)).toEqual([]);
});

const wellBehaved = () => ({ host: '127.0.0.1', port: proxy.port('real'), user: 'root', database: 'app' });

async function flooder(): Promise<Flooder> {
  const client = await logInTo(proxy.port('flooded'));
  sockets.push(client.socket);
  return client;
}

function dialed(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = dial({ host: '127.0.0.1', port: proxy.port('flooded') });
    sockets.push(socket);
    socket.on('error', reject);
    socket.once('connect', () => resolve(socket));
  });
}

/** Sends, and waits until so many bytes of answers have come for it. */
async function answered(client: Flooder, bytes: Buffer, expected: number): Promise<void> {
  const goal = client.received() + expected;
  client.socket.write(bytes);
  await waitFor(() => client.received() >= goal, {
    timeoutMs: 120_000,
    what: `${expected} bytes of answers`,
  });
}

async function untilSmall(startBytes: number): Promise<void> {
  const shrink = async (): Promise<true> => {
    const grown = residentBytes(proxy.pid) - startBytes;
    if (grown < GROWTH_MAX_BYTES) return true;
    const heap = await proxy.metric('nodejs_heap_size_used_bytes');
    throw new Error(`${mebibytes(grown)} more, ${mebibytes(heap)} of heap in use`);
  };
  await waitFor(shrink, {
    timeoutMs: 30_000,
    what: `the proxy's memory to be less than ${mebibytes(GROWTH_MAX_BYTES)} above its start`,
  });
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / MEBIBYTE)} MiB`;

const OK_BYTES = 11;
const PREPARE_OK_BYTES = 16;

describe(`floods (${run.title})`, () => {
  it('of logins that never come to their end are ended each', { timeout: run.timeoutMs }, async () => {
    const count = sized(3000, 150);
    const before = await proxy.metric('understudy_connections_refused_total', { reason: 'login_timeout' });
    const startBytes = residentBytes(proxy.pid);
    let closed = 0;
    for (let index = 0; index < count; index += 1) {
      const socket = await dialed();
      socket.on('close', () => {
        closed += 1;
      });
      socket.resume();
      // One in three dribbles; the others say nothing, or that they have nothing more to say.
      if (index % 3 === 0) dribble(socket, packets(Buffer.alloc(DRIBBLED_LOGIN_BYTES, 1), 1));
      else if (index % 3 === 1) socket.write(Buffer.of(0xff, 0xff, 0x0f));
    }
    await witness.goesOn();
    const newcomer = await createConnection({ ...wellBehaved(), connectTimeout: 60_000 });
    await newcomer.query('SELECT 1');
    await newcomer.end();
    await waitFor(() => closed === count, { timeoutMs: 60_000, what: 'every connection to be closed' });
    const refused = await proxy.metric('understudy_connections_refused_total', { reason: 'login_timeout' });
    expect(refused - before).toBe(count);
    await untilSmall(startBytes);
  });

  it('of commands that are announced and never come cost no memory', { timeout: run.timeoutMs }, async () => {
    const count = sized(1500, 100);
    const startBytes = residentBytes(proxy.pid);
    for (let index = 0; index < count; index += 1) {
      const { socket } = await flooder();
      socket.write(Buffer.concat([Buffer.of(0xff, 0xff, 0xff, 0), Buffer.from('\x03SELECT 1')]));
      dribble(socket, Buffer.alloc(30, 0x20));
    }
    await witness.goesOn();
    const busy = await proxy.metric('understudy_connections', { shard: 'flooded', state: 'busy' });
    expect(busy).toBe(count);
    await untilSmall(startBytes);
  });

  it('of commands as long as can be are relayed at a bounded cost', { timeout: run.timeoutMs }, async () => {
    const clients = sized(40, 3);
    const startBytes = residentBytes(proxy.pid);
    const text = Buffer.alloc(40 * MEBIBYTE, 0x78);
    text.write(`\x03INSERT INTO ${MOVED_TABLE} (id, v) VALUES (1, '`);
    const long = packets(text, 0);
    const before = await proxy.metric('understudy_mirror_statements_total', { outcome: 'dropped_too_large' });
    for (let index = 0; index < clients; index += 1) await answered(await flooder(), long, OK_BYTES);
    const dropped = await proxy.metric('understudy_mirror_statements_total', {
      outcome: 'dropped_too_large',
    });
    expect(dropped - before).toBe(clients);
    await untilSmall(startBytes);
  });

  it('of prepared statements keep to their bound', { timeout: run.timeoutMs }, async () => {
    const count = sized(1_000_000, 30_000);
    expect(run.full && count < 1_000_000).toBe(false);
    const startBytes = residentBytes(proxy.pid);
    const client = await flooder();
    const BATCH = 1000;
    for (let sent = 0; sent < count; sent += BATCH) {
      const batch = Array.from({ length: BATCH }, (_, index) =>
        packets(Buffer.from(`\x16SELECT v FROM ${MOVED_TABLE} WHERE id = ${sent + index}`), 0),
      );
      await answered(client, Buffer.concat(batch), BATCH * PREPARE_OK_BYTES);
    }
    const execute = (id: number): Buffer => {
      const payload = Buffer.alloc(10);
      payload[0] = 0x17;
      payload.writeUInt32LE(id, 1);
      payload[5 + 1] = 1;
      return packets(payload, 0);
    };
    const counted = (kind: string) => proxy.metric('understudy_statements_total', { shard: 'flooded', kind });
    const [reads, others] = [await counted('read'), await counted('other')];
    run.say(`${count} prepared statements of one session`);
    // Those within the bound are known; those past it are relayed, and may have done anything.
    await answered(client, execute(1), OK_BYTES);
    await answered(client, execute(count), OK_BYTES);
    expect([(await counted('read')) - reads, (await counted('other')) - others]).toEqual([1, 1]);
    expect(
      await proxy.metric('understudy_journal_keys', { shard: 'flooded', reason: 'opaque' }),
    ).toBeGreaterThan(0);
    await untilSmall(startBytes);
  });

  it('of prepared statements meet the server’s own bound', async () => {
    await old.query('SET GLOBAL max_prepared_stmt_count = 20');
    const connection = await createConnection(wellBehaved());
    try {
      const prepare = async (): Promise<void> => {
        for (let index = 0; index < 40; index += 1) await connection.prepare(`SELECT ${index} + ?`);
      };
      await expect(prepare()).rejects.toMatchObject({ errno: 1461 });
      const [rows] = await connection.query<RowDataPacket[]>('SELECT 1 AS one');
      expect(rows[0]?.one).toBe(1);
    } finally {
      connection.destroy();
      await old.query('SET GLOBAL max_prepared_stmt_count = 16382');
    }
  });

  it('of digests keep the plans and the parser to their bounds', { timeout: run.timeoutMs }, async () => {
    const count = sized(150_000, 4000);
    expect(run.full && count < 100_000).toBe(false);
    const misses = () => proxy.metric('understudy_plan_cache_misses_total');
    const before = await misses();
    const startBytes = residentBytes(proxy.pid);
    const client = await flooder();
    const BATCH = 500;
    for (let sent = 0; sent < count; sent += BATCH) {
      const batch = Array.from({ length: BATCH }, (_, index) => {
        const word = `w${sent + index}`;
        return packets(
          query(`SELECT ${word}, ${word}_b FROM t_${word} WHERE ${word} = 1 AND b IN (1, 2)`),
          0,
        );
      });
      await answered(client, Buffer.concat(batch), BATCH * OK_BYTES);
    }
    const figure = await figures(proxy);
    expect(figure('understudy_plan_cache_entries')).toBeLessThanOrEqual(PLANS);
    // Each was a digest of its own.
    const distinct = (await misses()) - before;
    expect(distinct).toBeGreaterThanOrEqual(count);
    run.say(`${distinct} distinct digests`);
    await untilSmall(startBytes);
  });

  it('of statements made to be hard to read are read', { timeout: run.timeoutMs }, async () => {
    const size = sized(100_000, 5000);
    const startBytes = residentBytes(proxy.pid);
    const client = await flooder();
    const texts = [...Object.values(HOSTILE_FORMS).map((form) => form(size)), ...SLOW_TO_PARSE];
    for (const text of texts) {
      const payload = Buffer.from(`\x03${text.slice(0, 4 * MEBIBYTE)}`, 'latin1');
      await answered(client, packets(payload, 0), OK_BYTES);
    }
    await untilSmall(startBytes);
  });

  it('of connections past the files it may open are refused, and pass by', {
    timeout: run.timeoutMs,
  }, async () => {
    const files = execFileSync('ls', [`/proc/${proxy.pid}/fd`], { encoding: 'utf8' })
      .trim()
      .split('\n').length;
    const limit = (count: number): void =>
      void execFileSync('prlimit', ['--pid', String(proxy.pid), `--nofile=${count}:`]);
    limit(files + FILES_LEFT);
    try {
      const outcomes = await Promise.allSettled(Array.from({ length: 3 * FILES_LEFT }, () => flooder()));
      const refused = outcomes.filter(({ status }) => status === 'rejected');
      expect(refused.length).toBeGreaterThan(FILES_LEFT);
      expect(outcomes.length - refused.length).toBeGreaterThan(0);
      for (const socket of sockets.splice(0)) socket.destroy();
      await waitFor(async () => (await logInTo(proxy.port('flooded'))).socket.destroy(), {
        timeoutMs: 30_000,
        what: 'a client to be served again',
      });
    } finally {
      limit(20_000);
    }
  });
});

/** A byte at a time, each once the one before is gone. */
function dribble(socket: Socket, bytes: Buffer): void {
  const [first, ...rest] = bytes;
  if (first === undefined || socket.destroyed) return;
  socket.write(Buffer.of(first), () => setTimeout(() => dribble(socket, Buffer.from(rest)), DRIBBLE_MS));
}
