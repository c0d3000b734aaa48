/**
 * A MySQL client with no library in the way: it sends the bytes it is told to, and keeps every byte that
 * comes back. The same session, recorded directly and through the proxy, must give the same bytes.
 */
import { connect, type Socket } from 'node:net';
import {
  beginTls,
  changeUserPacket,
  finishLogin,
  LoginError,
  loginError,
  loginPacket,
  negotiate,
  PAYLOAD_MAX,
  parseGreeting,
  type RawOptions,
  sendPacket,
} from './raw-login.ts';
import { ReceivedBytes } from './received-bytes.ts';
import { parseError, type ReplyFacts, type ReplyKind, readReply } from './reply-reader.ts';

export type { RawOptions } from './raw-login.ts';
export { CLIENT } from './reply-reader.ts';

const READ_TIMEOUT_MS = 30_000;
/** The command bytes that tests send. */
export const COM = {
  QUIT: 0x01,
  INIT_DB: 0x02,
  QUERY: 0x03,
  FIELD_LIST: 0x04,
  STATISTICS: 0x09,
  PROCESS_INFO: 0x0a,
  PROCESS_KILL: 0x0c,
  DEBUG: 0x0d,
  PING: 0x0e,
  CHANGE_USER: 0x11,
  BINLOG_DUMP: 0x12,
  REGISTER_SLAVE: 0x15,
  STMT_PREPARE: 0x16,
  STMT_EXECUTE: 0x17,
  STMT_SEND_LONG_DATA: 0x18,
  STMT_CLOSE: 0x19,
  STMT_RESET: 0x1a,
  SET_OPTION: 0x1b,
  STMT_FETCH: 0x1c,
  RESET_CONNECTION: 0x1f,
  STMT_BULK_EXECUTE: 0xfa,
} as const;

export interface RawReply extends ReplyFacts {
  /** Every byte of the reply, headers included. */
  readonly bytes: Buffer;
}

export interface RawConnection {
  /** The greeting's payload. */
  readonly greeting: Buffer;
  readonly connectionId: number;
  /** The capabilities in force on both sides. */
  readonly capabilities: bigint;
  /** Every byte the server sent after the greeting until it let us in. */
  readonly authReply: Buffer;
  /** Sends one command, cut into packets from number `sequence` (0) on. */
  send(payload: Buffer, sequence?: number): void;
  /** Sends bytes as they are: half packets, wrong numbers. */
  sendBytes(bytes: Buffer): void;
  /** Reads one reply to its end. `files` answers LOCAL INFILE requests (nothing for an unknown name). */
  readReply(kind: ReplyKind, files?: Readonly<Record<string, Buffer>>): Promise<RawReply>;
  /** Reads `count` packets as they come, for streams without an end; their bytes. */
  readPackets(count: number): Promise<Buffer>;
  /** `send` of the command byte and body, then `readReply`. */
  command(code: number, body: Buffer | string, kind: ReplyKind): Promise<RawReply>;
  query(sql: string | Buffer): Promise<RawReply>;
  /** Sends COM_CHANGE_USER and goes through its login. */
  changeUser(user: string, password: string, database: string): Promise<RawReply>;
  /** Waits until the server closes; the bytes that were not read before. */
  readUntilClosed(): Promise<Buffer>;
  /** Every byte received so far. */
  received(): Buffer;
  isClosed(): boolean;
  /** See `ReceivedBytes.ending`. */
  ending(): string | null;
  /** Stops and starts the reading of what the server sends, to fill the buffers on the way. */
  pauseReading(): void;
  resumeReading(): void;
  /** Half-closes: no more will be sent. */
  end(): void;
  close(): void;
  /** Closes so that the other side sees a reset. */
  reset(): void;
}

/** Connects and logs in by mysql_native_password. Throws with the server's error where it is refused. */
export async function connectRaw(options: RawOptions): Promise<RawConnection> {
  const tcp = connect({
    host: options.host,
    port: options.port,
    noDelay: true,
    allowHalfOpen: true,
  });
  let socket: Socket = tcp;
  const bytes = new ReceivedBytes(socket, options.timeoutMs ?? READ_TIMEOUT_MS);
  socket.on('end', () => socket.end());
  try {
    const greeting = (await bytes.packet()).payload;
    if (greeting[0] === 0xff) throw loginError(greeting);
    const hello = parseGreeting(greeting);
    const capabilities = negotiate(options, hello.capabilities);
    const answer = loginPacket(options, hello, capabilities);
    if (options.tlsCa !== undefined) socket = await beginTls(socket, bytes, answer, options.tlsCa);
    sendPacket(socket, answer, options.tlsCa === undefined ? 1 : 2);
    const start = bytes.cursor;
    await finishLogin(socket, bytes, options.password ?? '');
    const authReply = bytes.slice(start, bytes.cursor);
    const { connectionId, scramble } = hello;
    const login = { greeting, connectionId, capabilities, authReply };
    return { ...converse(socket, bytes, login, scramble), reset: () => void tcp.resetAndDestroy() };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

type LoggedIn = Pick<RawConnection, 'greeting' | 'connectionId' | 'capabilities' | 'authReply'>;

function converse(
  socket: Socket,
  bytes: ReceivedBytes,
  login: LoggedIn,
  scramble: Buffer,
): Omit<RawConnection, 'reset'> {
  const { capabilities } = login;
  const send = (payload: Buffer, sequence = 0): void => sendPacket(socket, payload, sequence);
  const reply = async (kind: ReplyKind, files: Readonly<Record<string, Buffer>> = {}): Promise<RawReply> => {
    const start = bytes.cursor;
    const source = {
      packet: () => bytes.packet(),
      sendFile(name: string, sequence: number) {
        const file = files[name] ?? Buffer.alloc(0);
        if (file.length > 0) send(file, sequence + 1);
        send(Buffer.alloc(0), sequence + 1 + Math.ceil(file.length / PAYLOAD_MAX));
      },
    };
    const facts = await readReply(source, kind, capabilities);
    return { ...facts, bytes: bytes.slice(start, bytes.cursor) };
  };
  const command = (code: number, body: Buffer | string, kind: ReplyKind): Promise<RawReply> => {
    send(Buffer.concat([Buffer.of(code), Buffer.from(body)]));
    return reply(kind);
  };
  return {
    ...login,
    send,
    sendBytes: (raw) => void socket.write(raw),
    readReply: reply,
    async readPackets(count) {
      const start = bytes.cursor;
      for (let read = 0; read < count; read += 1) await bytes.packet();
      return bytes.slice(start, bytes.cursor);
    },
    command,
    query: (sql) => command(COM.QUERY, sql, 'query'),
    async changeUser(user, password, database) {
      const start = bytes.cursor;
      send(changeUserPacket({ user, password, database }, scramble, capabilities));
      const error = await finishLogin(socket, bytes, password).then(
        () => null,
        (failure) => {
          if (failure instanceof LoginError) return parseError(failure.packet);
          throw failure;
        },
      );
      return { results: [], error, statement: null, text: null, bytes: bytes.slice(start, bytes.cursor) };
    },
    async readUntilClosed() {
      await bytes.untilClosed();
      const rest = bytes.slice(bytes.cursor);
      bytes.cursor = bytes.length;
      return rest;
    },
    received: () => bytes.slice(),
    isClosed: () => bytes.closed,
    ending: () => bytes.ending,
    pauseReading: () => void socket.pause(),
    resumeReading: () => void socket.resume(),
    end: () => void socket.end(),
    close: () => void socket.destroy(),
  };
}
