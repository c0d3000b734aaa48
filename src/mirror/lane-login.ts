/**
 * Logs a lane in. mysql2 speaks the login, with whatever plugin the account has, over a stream of ours; once
 * it is done the socket is ours alone and mysql2 hears no more of it.
 */
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createConnection } from 'mysql2';
import type { Account } from '../config/load.ts';

export interface LaneTarget {
  readonly host: string;
  readonly port: number;
  readonly account: Account;
  readonly connectTimeoutMs: number;
}

export interface LoggedIn {
  readonly socket: Socket;
  /** The server's id of the connection, for KILL. */
  readonly connectionId: number;
}

/**
 * Affected rows are counted as the primary counts them for most clients (FOUND_ROWS off); a replayed text is
 * one statement (MULTI_STATEMENTS off) and can't ask for our files (LOCAL_FILES off).
 */
const FLAGS = [
  '-FOUND_ROWS',
  '-LOCAL_FILES',
  '-IGNORE_SPACE',
  '-ODBC',
  '-SESSION_TRACK',
  '-CLIENT_QUERY_ATTRIBUTES',
  '-QUERY_ATTRIBUTES',
  '-DEPRECATE_EOF',
  '-MULTI_STATEMENTS',
  '+PS_MULTI_RESULTS',
];

/** The socket as mysql2 sees it during the login: cut off from it afterwards. */
class LoginStream extends Duplex {
  readonly #socket: Socket;
  #cut = false;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (!this.#cut) this.#socket.write(chunk);
    done();
  }

  override _destroy(_error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#cut) this.#socket.destroy();
    done(null);
  }

  cut(): void {
    this.#cut = true;
  }
}

/** Rejects with the reason when the server can't be reached, refuses the account, or sends nonsense. */
export function logIn(target: LaneTarget): Promise<LoggedIn> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: target.host, port: target.port });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    const stream = new LoginStream(socket);
    let settled = false;

    const finish = (error: Error | null, connectionId: number): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      stream.cut();
      socket.removeAllListeners();
      stream.destroy();
      if (error === null) {
        resolve({ socket, connectionId });
        return;
      }
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(
      () => finish(new Error(`no login within ${target.connectTimeoutMs} ms`), 0),
      target.connectTimeoutMs,
    );

    socket.once('error', (error) => finish(error, 0));
    socket.once('close', () => finish(new Error('the server closed the connection during the login'), 0));
    socket.once('connect', () => beginLogin(socket, stream, target, finish));
  });
}

function beginLogin(
  socket: Socket,
  stream: LoginStream,
  target: LaneTarget,
  finish: (error: Error | null, connectionId: number) => void,
): void {
  const connection = createConnection({
    stream,
    user: target.account.user,
    password: target.account.password,
    flags: FLAGS,
    charset: 'utf8mb4',
    connectAttributes: { program_name: 'understudy' },
  });
  connection.on('error', (error: Error) => finish(error, 0));
  connection.on('connect', () => finish(null, connection.threadId));
  socket.on('data', (chunk: Buffer) => {
    // A server that sends nonsense makes the decoder throw: that concerns this login alone.
    try {
      stream.emit('data', chunk);
    } catch (error) {
      finish(error instanceof Error ? error : new Error(String(error)), 0);
    }
  });
}
