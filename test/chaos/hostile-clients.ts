/**
 * Clients that no library would make: each connects, does harm as its dice say, and is gone. They log in, where
 * they get that far, with an account that may touch one database of its own.
 */
import { connect, type Socket } from 'node:net';
import type { Random } from '../harness/random.ts';
import { COM, connectRaw, type RawConnection } from '../harness/recorder.ts';
import { type RecordedSession, readCaptures } from '../harness/wire-session.ts';

/** As long a name as the recorded user's, in whose place it stands, and the database of the recordings. */
export const HOSTILE_USER = 'evil';
export const HOSTILE_DATABASE = 'd';
/** Not the recordings' `many`: on it they sleep for hours, and a server that sleeps keeps its session open. */
export const HOSTILE_SCHEMA = `
  CREATE TABLE scratch (id BIGINT) ENGINE=InnoDB;
  CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20), note VARCHAR(20)) ENGINE=InnoDB;
  CREATE TABLE loaded (id INT, name VARCHAR(20)) ENGINE=InnoDB;
  INSERT INTO t (name) VALUES ('one'), ('two'), ('three')`;

const MEBIBYTE = 1024 * 1024;
/** Until a client that waits for an answer leaves without. */
const PATIENCE_MS = 300;
const PATIENCE_LOGIN_MS = 20_000;

export interface Attack {
  readonly port: number;
  readonly random: Random;
}

type Hostile = (attack: Attack) => Promise<void>;

/** Runs one to its end, when its sockets are closed. Never rejects: it may be sent away. */
export async function attack(name: AttackName, options: Attack): Promise<void> {
  await HOSTILES[name](options).catch(() => undefined);
}

/** The names of all attacks, in an order of the dice, over and over. */
export function* attackNames(random: Random): Generator<AttackName, never> {
  for (;;) {
    const left = [...ATTACKS];
    while (left.length > 0) yield left.splice(random.integer(0, left.length - 1), 1)[0]!;
  }
}

const HOSTILES = {
  /** Bytes that mean nothing, before or instead of a login. */
  async noise({ port, random }) {
    const socket = await dial(port);
    for (let left = random.integer(1, 4); left > 0; left -= 1)
      socket.write(random.bytes(random.integer(1, 4000)));
    await leave(socket, random);
  },

  /** A recorded session from its first byte, some of its bytes changed. */
  async mutatedLogin({ port, random }) {
    const socket = await dial(port);
    const session = random.pick(SESSIONS);
    for (const bytes of clientBytes(session)) socket.write(mutated(bytes, random));
    await leave(socket, random);
  },

  /** Logged in well; then a recorded session's commands, changed, cut, or out of order. */
  async mutatedCommands({ port, random }) {
    const client = await logIn(port);
    const [, ...commands] = clientBytes(random.pick(SESSIONS));
    for (let left = random.integer(1, 12); left > 0 && commands.length > 0; left -= 1) {
      const bytes = random.pick(commands);
      const sent = random.chance(0.7) ? mutated(bytes, random) : bytes;
      client.sendBytes(random.chance(0.2) ? sent.subarray(0, random.integer(0, sent.length)) : sent);
    }
    await goodbye(client, random);
  },

  /** Half a packet, and then silence or the end. */
  async truncated({ port, random }) {
    const client = await logIn(port);
    const body = Buffer.from(`\x03SELECT '${'x'.repeat(random.integer(10, 5000))}'`);
    client.sendBytes(
      Buffer.concat([header(body.length, 0), body.subarray(0, random.integer(0, body.length - 1))]),
    );
    await goodbye(client, random);
  },

  /** Announces sixteen megabytes, and sends little of it, or all and then more. */
  async hugeLengths({ port, random }) {
    const atLogin = random.chance(0.5);
    if (atLogin) {
      const socket = await dial(port);
      socket.write(
        Buffer.concat([header(random.pick([0xff_ff_ff, 0xff_ff_fe, 2 * MEBIBYTE]), 1), random.bytes(200)]),
      );
      await leave(socket, random);
      return;
    }
    const client = await logIn(port);
    const sent = random.chance(0.2) ? 6 * MEBIBYTE : random.integer(0, 70_000);
    client.sendBytes(Buffer.concat([header(0xff_ff_ff, 0), Buffer.of(COM.QUERY), Buffer.alloc(sent, 0x20)]));
    await goodbye(client, random);
  },

  /** A login that comes byte by byte and stops short of its end: the proxy must give it up. */
  async slowLogin({ port, random }) {
    const socket = await dial(port);
    const [login = Buffer.alloc(0)] = clientBytes(random.pick(SESSIONS));
    const closed = untilClosed(socket, PATIENCE_LOGIN_MS);
    for (const byte of login.subarray(0, random.integer(0, login.length - 1))) {
      if (socket.destroyed) break;
      await new Promise((resolve) => socket.write(Buffer.of(byte), resolve));
    }
    await closed;
    socket.destroy();
  },

  /** Comes and goes, many times. */
  async revolvingDoor({ port, random }) {
    for (let left = random.integer(20, 120); left > 0; left -= 1) {
      const socket = await dial(port);
      if (random.chance(0.5)) socket.resetAndDestroy();
      else socket.destroy();
    }
  },

  /** Says that it will send no more, and stays; or reads nothing of a large result. */
  async halfOpen({ port, random }) {
    if (random.chance(0.5)) {
      const socket = await dial(port);
      socket.end();
      await untilClosed(socket, PATIENCE_MS);
      socket.destroy();
      return;
    }
    const client = await logIn(port);
    client.pauseReading();
    client.send(Buffer.from('\x03SELECT REPEAT("a", 1000) FROM seq_1_to_20000'));
    if (random.chance(0.5)) client.end();
    await goodbye(client, random);
  },

  /** Each statement has a digest of its own. */
  async digestFlood({ port, random }) {
    const client = await logIn(port);
    for (let left = random.integer(50, 250); left > 0; left -= 1) {
      const word = random.bytes(8).toString('hex');
      await client.query(`SELECT 1 AS c${word}, 'x' AS d${word}`);
    }
    client.close();
  },

  /** Prepares and never closes. */
  async prepareFlood({ port, random }) {
    const client = await logIn(port);
    const count = random.integer(50, 250);
    for (let index = 0; index < count; index += 1)
      await client.command(COM.STMT_PREPARE, `SELECT ? + ${index % 7}, 'p'`, 'prepare');
    client.close();
  },

  /** Thousands of commands at once, whose answers nobody waits for. */
  async pipelineFlood({ port, random }) {
    const client = await logIn(port);
    const one = Buffer.concat([header(9, 0), Buffer.from('\x03SELECT 1')]);
    client.sendBytes(Buffer.concat(Array.from({ length: random.integer(1000, 8000) }, () => one)));
    await goodbye(client, random);
  },

  /** Opens transactions and savepoints, and leaves in the middle. */
  async desertion({ port, random }) {
    const client = await logIn(port);
    await client.query('START TRANSACTION');
    for (let left = random.integer(1, 60); left > 0; left -= 1) {
      await client.query(`SAVEPOINT s${random.integer(1, 1_000_000)}`);
      await client.query(`INSERT INTO scratch (id) VALUES (${random.integer(1, 2 ** 31)})`);
    }
    await goodbye(client, random);
  },
} satisfies Record<string, Hostile>;

export type AttackName = keyof typeof HOSTILES;
export const ATTACKS = Object.keys(HOSTILES) as readonly AttackName[];
const SESSIONS = [...readCaptures().values()].flatMap(({ sessions }) => sessions);

function clientBytes({ login, turns }: RecordedSession): Buffer[] {
  const runs = [...login.runs, ...turns.flatMap((turn) => turn.runs)];
  return runs.filter(({ from }) => from === 'client').map(({ bytes }) => asHostileUser(bytes));
}

/** The recordings were made by a superuser, who has no password here either and may shut the server down. */
function asHostileUser(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll('root', HOSTILE_USER), 'latin1');
}

/** A few bytes changed, put in, or taken out. */
function mutated(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let left = random.integer(1, 4); left > 0 && result.length > 0; left -= 1) {
    const at = random.integer(0, result.length - 1);
    const dice = random.next();
    if (dice < 0.6) result[at] = random.integer(0, 255);
    else if (dice < 0.8)
      result = Buffer.concat([result.subarray(0, at), random.bytes(3), result.subarray(at)]);
    else result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1)]);
  }
  return result;
}

function header(length: number, sequence: number): Buffer {
  const bytes = Buffer.alloc(4, sequence);
  bytes.writeUIntLE(length, 0, 3);
  return bytes;
}

function logIn(port: number): Promise<RawConnection> {
  return connectRaw({ host: '127.0.0.1', port, user: HOSTILE_USER, database: HOSTILE_DATABASE });
}

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    socket.on('error', reject);
    socket.once('connect', () => resolve(socket));
    socket.resume();
  });
}

/** Waits a little for whatever comes back, and goes: politely, without a word, or with a reset. */
async function leave(socket: Socket, random: Random): Promise<void> {
  const manner = random.next();
  if (manner < 0.3) socket.end();
  await untilClosed(socket, random.integer(0, PATIENCE_MS));
  if (manner > 0.7) socket.resetAndDestroy();
  else socket.destroy();
}

async function goodbye(client: RawConnection, random: Random): Promise<void> {
  const patience = AbortSignal.timeout(random.integer(0, PATIENCE_MS));
  await Promise.race([
    client.readUntilClosed().catch(() => undefined),
    new Promise((resolve) => patience.addEventListener('abort', resolve)),
  ]);
  client.close();
}

function untilClosed(socket: Socket, patienceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patienceMs);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    // The other side's last byte is enough: this one need not have said its own.
    socket.once('end', done);
    socket.once('close', done);
    if (socket.destroyed || socket.readableEnded) done();
  });
}
