/** Runs one session against the old server and then through the proxy, and holds the two byte streams together. */
import { expect } from 'vitest';
import { COM, connectRaw, type RawConnection, type RawOptions, type RawReply } from '../harness/recorder.ts';
import { CLIENT } from '../harness/reply-reader.ts';
import { type Stage, untilMirrorIsIdle } from './stage.ts';

/** Capability bits that the relay can't follow and takes out of the greeting: compression, TLS, zstd. */
const UNFOLLOWED = (1n << 5n) | (1n << 11n) | (1n << 26n);
const TLS = 1n << 11n;
const HEADER_BYTES = 4;
/** Stands before the new scramble where the server asks for an authentication anew. */
const SWITCH = Buffer.from('mysql_native_password\0');
const SHOWN_BYTES = 48;

export interface Session extends RawConnection {
  /** The reply that `read` reads differs from run to run by itself; the session checks it in its own way. */
  unstable(read: () => Promise<RawReply>): Promise<RawReply>;
  /** COM_STMT_PREPARE, but for the id, which the server counts over all sessions. Throws where it is refused. */
  prepare(sql: string): Promise<number>;
}

export type SessionScript = (session: Session) => Promise<void>;

interface Recording {
  readonly greeting: Buffer;
  /** Everything after the greeting, without the unstable parts. */
  readonly bytes: Buffer;
}

/** Fails where a client could tell the proxy from the server. The databases are made anew before each run. */
export async function expectSameBytes(
  stage: Stage,
  script: SessionScript,
  options: Partial<RawOptions> = {},
): Promise<void> {
  // What an earlier session wrote must not arrive in the databases that are made now.
  await untilMirrorIsIdle(stage.proxy);
  await stage.reset();
  const direct = await record(stage.old.port, script, options);
  await stage.reset();
  const relayed = await record(stage.port, script, options);
  expectSameGreeting(direct.greeting, relayed.greeting, options.tlsCa !== undefined);
  expectEqualBytes(direct.bytes, relayed.bytes);
}

async function record(port: number, script: SessionScript, options: Partial<RawOptions>): Promise<Recording> {
  const raw = await connectRaw({ host: '127.0.0.1', port, user: 'root', database: 'app', ...options });
  const unstable: { from: number; to: number }[] = [];
  const here = (): number => raw.received().length;
  const session: Session = {
    ...raw,
    async unstable(read) {
      const reply = await read();
      // More than this reply may have come already, where commands were pipelined.
      const from = raw.received().indexOf(reply.bytes, unstable.at(-1)?.to ?? 0);
      unstable.push({ from, to: from + reply.bytes.length });
      return reply;
    },
    async prepare(sql) {
      const from = here() + HEADER_BYTES + 1;
      const { statement, error } = await raw.command(COM.STMT_PREPARE, sql, 'prepare');
      if (statement === null) throw new Error(`${sql}: ${error?.message}`);
      unstable.push({ from, to: from + 4 });
      return statement.id;
    },
    async changeUser(user, password, database) {
      const from = here();
      const reply = await raw.changeUser(user, password, database);
      const scramble = reply.bytes.indexOf(SWITCH) + SWITCH.length;
      if (scramble > SWITCH.length) unstable.push({ from: from + scramble, to: from + scramble + 20 });
      return reply;
    },
  };
  try {
    await script(session);
  } finally {
    raw.close();
  }
  const received = raw.received();
  const kept: Buffer[] = [];
  let at = HEADER_BYTES + raw.greeting.length;
  for (const { from, to } of unstable) {
    kept.push(received.subarray(at, from));
    at = to;
  }
  return { greeting: raw.greeting, bytes: Buffer.concat([...kept, received.subarray(at)]) };
}

/** Equal but for the connection's id, its scramble, and the bits that the relay takes out; TLS is the proxy's to offer. */
export function expectSameGreeting(direct: Buffer, relayed: Buffer, tls = false): void {
  const [expected, found] = [dissect(direct), dissect(relayed)];
  expect(found.rest).toBe(expected.rest);
  expect(found.capabilities).toBe((expected.capabilities & ~UNFOLLOWED) | (tls ? TLS : 0n));
  expect(found.mariadb & ~expected.mariadb).toBe(0);
}

function dissect(greeting: Buffer): { capabilities: bigint; mariadb: number; rest: string } {
  const rest = Buffer.from(greeting);
  const id = rest.indexOf(0, 1) + 1;
  const low = id + 13;
  const high = low + 5;
  const capabilities = BigInt(rest.readUInt16LE(low)) | (BigInt(rest.readUInt16LE(high)) << 16n);
  const own = (capabilities & CLIENT.LONG_PASSWORD) === 0n ? high + 9 : -1;
  const mariadb = own < 0 ? 0 : rest.readUInt32LE(own);
  rest.fill(0, id, id + 12);
  rest.fill(0, low, low + 2);
  rest.fill(0, high, high + 2);
  if (own >= 0) rest.fill(0, own, own + 4);
  rest.fill(0, high + 13, high + 13 + 12);
  return { capabilities, mariadb, rest: rest.toString('hex') };
}

/** A plain `toEqual` on megabytes takes minutes to say no. */
export function expectEqualBytes(direct: Buffer, relayed: Buffer): void {
  if (direct.equals(relayed)) return;
  let at = 0;
  while (at < direct.length && at < relayed.length && direct[at] === relayed[at]) at += 1;
  const from = Math.max(0, at - SHOWN_BYTES / 2);
  const show = (bytes: Buffer): string => bytes.toString('hex', from, from + SHOWN_BYTES);
  expect.fail(
    `the bytes differ from byte ${at} on (${direct.length} bytes directly, ${relayed.length} through the proxy)\n` +
      `directly:  ${show(direct)}\nrelayed:   ${show(relayed)}`,
  );
}
