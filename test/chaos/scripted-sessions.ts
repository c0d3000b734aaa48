/**
 * Sessions played through the proxy from both ends: a server of ours on one side, clients of ours on the other. The
 * client names its session as its user, so the server knows which one to play.
 */
import { connect as dial, type Socket } from 'node:net';
import { CAPABILITY } from '../../src/wire/capabilities.ts';
import { column, eof, err, int, lenenc, ok, packets, stream, textRow } from '../harness/packet-writer.ts';
import { createRandom, type Random } from '../harness/random.ts';
import type { Side } from '../harness/wire-session.ts';
import {
  type Agreed,
  type Grammatical,
  MOVED_TABLE,
  makeSession,
  OFFERED,
  OLDEST,
  type Segment,
} from './session-grammar.ts';
import { mutateSession } from './session-mutation.ts';
import { type Ending, SessionPlayer } from './session-player.ts';
import { SocketServer } from './socket-server.ts';

/** Of the scripted server, for reading the schema. */
export const SCHEMA_USER = 'schema';
export const SCRIPTED_DATABASE = 'd';

/** What a client asks for that wants nothing of later protocols. */
export const OFFERED_LEAST: Agreed = { base: OLDEST, mariadb: 0 };

const HEADER = 4;
const STUCK_MS = 30_000;

export interface Script extends Grammatical {
  readonly id: number;
  readonly ending: Ending;
}

/** The session of that number, the same for each seed; `mutated` ones are out of order, and end as they like. */
export function makeScript(seed: number, id: number, mutated: boolean): Script {
  const random = createRandom(Math.imul(seed, 31) + Math.imul(id, 0x9e37_79b1));
  const session = makeSession(random);
  if (!mutated) {
    const by = random.pick(['client', 'server'] as const);
    const halfway = by === 'client' && !session.streams && random.chance(0.2);
    return { ...session, id, ending: { how: halfway ? 'halfway' : 'end', by } };
  }
  const segments = random.chance(0.8) ? mutateSession(session.segments, random) : session.segments;
  return { ...session, segments, id, ending: anyEnding(random, segments) };
}

function anyEnding(random: Random, segments: readonly Segment[]): Ending {
  const by: Side = random.pick(['client', 'server']);
  const dice = random.next();
  if (dice < 0.5) return { how: 'end', by };
  if (dice < 0.65) return { how: 'halfway', by };
  return { how: 'reset', by, at: random.integer(0, segments.filter(({ from }) => from === by).length) };
}

/** Packets of one side, as their lengths cut them. */
export function packetsOf(script: Script, side: Side): number {
  let count = 0;
  for (const { from, bytes } of script.segments) {
    if (from !== side) continue;
    for (let at = 0; at + HEADER <= bytes.length; at += HEADER + bytes.readUIntLE(at, 3)) count += 1;
  }
  return count;
}

export class ScriptedServer {
  readonly #server = new SocketServer((socket) => this.#accept(socket));
  readonly #scripts = new Map<
    number,
    { script: Script; done: (fault: string | null) => void; player: SessionPlayer | null }
  >();
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  listen(port: number): Promise<void> {
    return this.#server.listen(port);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  /** Connections that stand. */
  get connections(): number {
    return this.#server.connections;
  }

  /** Plays the session through the proxy on `port`; answers what was wrong, or null. */
  async play(port: number, script: Script): Promise<string | null> {
    const server = new Promise<string | null>((done) =>
      this.#scripts.set(script.id, { script, done, player: null }),
    );
    const socket = dial({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    let player: SessionPlayer | null = null;
    const client = new Promise<string | null>((done) => {
      player = playClient(socket, script, this.#seed, done);
    });
    const timer = setTimeout(() => {
      const other = this.#scripts.get(script.id)?.player?.describe() ?? 'the server side has not begun';
      this.#scripts.get(script.id)?.done(`stuck: ${player?.describe()}; ${other}`);
      socket.destroy();
    }, STUCK_MS);
    const faults = await Promise.all([server, client]);
    clearTimeout(timer);
    this.#scripts.delete(script.id);
    return faults.find((fault) => fault !== null) ?? null;
  }

  #accept(socket: Socket): void {
    greet(socket, ({ user, capabilities }, rest) => {
      const entry = this.#scripts.get(Number(user));
      if (entry !== undefined) {
        socket.write(packets(ok({ status: 2 }), 2));
        const { script, done } = entry;
        const random = createRandom(this.#seed + script.id * 2 + 1);
        entry.player = new SessionPlayer(socket, { side: 'server', ...script, random }, done);
        entry.player.begin(rest);
      } else if (user === SCHEMA_USER) {
        socket.write(packets(ok({ status: 2 }), 2));
        serveSchema(socket, capabilities);
      } else {
        socket.end(packets(err(1045, 'nobody', '28000'), 2));
      }
    });
  }
}

/** Greets a client, and tells what it answers and what came behind that. */
export function greet(socket: Socket, then: (answer: Answer, rest: Buffer) => void): void {
  socket.on('error', () => undefined);
  socket.write(packets(greeting(), 0));
  afterPacket(socket, (payload, rest) => then(readResponse(payload), rest));
}

export interface Answer {
  readonly user: string;
  readonly capabilities: number;
}

function playClient(
  socket: Socket,
  script: Script,
  seed: number,
  done: (fault: string | null) => void,
): SessionPlayer {
  socket.on('error', () => undefined);
  const random = createRandom(seed + script.id * 2);
  const player = new SessionPlayer(socket, { side: 'client', ...script, random }, done);
  afterPacket(socket, (_greeting, early) => {
    socket.write(packets(response(String(script.id), script.agreed), 1));
    afterPacket(socket, (_ok, rest) => player.begin(rest), early);
  });
  return player;
}

/** Reads one packet, and gives what came behind it. */
function afterPacket(
  socket: Socket,
  then: (payload: Buffer, rest: Buffer) => void,
  early: Buffer = Buffer.alloc(0),
): void {
  let held: Buffer = early;
  const look = (): boolean => {
    if (held.length < HEADER) return false;
    const end = HEADER + held.readUIntLE(0, 3);
    if (held.length < end) return false;
    socket.off('data', take);
    then(held.subarray(HEADER, end), held.subarray(end));
    return true;
  };
  const take = (chunk: Buffer): void => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    look();
  };
  if (!look()) socket.on('data', take);
}

/** https://mariadb.com/kb/en/connection/#initial-handshake-packet */
export function greeting(): Buffer {
  const { base, mariadb } = OFFERED;
  return Buffer.concat([
    Buffer.from('\n11.4.0-scripted\0'),
    int(4, 7),
    Buffer.from('scramble\0'),
    int(2, base & 0xffff),
    Buffer.of(45),
    int(2, 2),
    int(2, base >>> 16),
    Buffer.of(21, 0, 0, 0, 0, 0, 0),
    int(4, mariadb),
    Buffer.from('scramble-two\0mysql_native_password\0'),
  ]);
}

export function response(user: string, { base, mariadb }: Agreed): Buffer {
  return Buffer.concat([
    int(4, base),
    int(4, 1 << 30),
    Buffer.of(45),
    Buffer.alloc(19),
    int(4, mariadb),
    Buffer.from(`${user}\0\0${SCRIPTED_DATABASE}\0mysql_native_password\0`),
  ]);
}

function readResponse(payload: Buffer): Answer {
  const end = Math.max(payload.indexOf(0, 32), 32);
  return {
    user: payload.toString('latin1', 32, end),
    capabilities: payload.length >= 4 ? payload.readUInt32LE(0) : 0,
  };
}

/** One table of two columns, told as information_schema tells it. */
export function serveSchema(socket: Socket, capabilities: number): void {
  const deprecateEof = (capabilities & CAPABILITY.DEPRECATE_EOF) !== 0;
  const flagged = (capabilities & CAPABILITY.OPTIONAL_RESULTSET_METADATA) !== 0;
  const answer = (names: readonly string[], rows: readonly (readonly string[])[]): Buffer => {
    const count = flagged ? Buffer.concat([lenenc(names.length), Buffer.of(1)]) : lenenc(names.length);
    const end = deprecateEof ? [ok({}, 0xfe)] : [eof()];
    return stream(
      [
        count,
        ...names.map(column),
        ...(deprecateEof ? [] : [eof()]),
        ...rows.map((row) => textRow(row)),
        ...end,
      ],
      1,
    );
  };
  socket.on('data', (chunk: Buffer) => {
    const text = chunk.toString('latin1');
    if (text.includes('sql_mode')) socket.write(answer(['sqlMode'], [['STRICT_TRANS_TABLES']]));
    else if (text.includes('STATISTICS')) socket.write(answer(['table', 'name'], [[MOVED_TABLE, 'id']]));
    else if (text.includes('COLUMNS'))
      socket.write(
        answer(
          ['table', 'engine', 'name', 'type'],
          [
            [MOVED_TABLE, 'InnoDB', 'id', 'bigint'],
            [MOVED_TABLE, 'InnoDB', 'v', 'varchar'],
          ],
        ),
      );
    // A question of a later day must not be left to a time-out.
    else socket.end(packets(err(1064), 1));
  });
  socket.on('end', () => socket.end());
}
