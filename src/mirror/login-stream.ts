/**
 * A server's connection as mysql2 sees it, during the login or for good. TLS is ours and below it: mysql2's own
 * would hold names against certificates that it does not know, and would keep the encrypted socket to itself.
 * mysql2 therefore speaks as over a plain connection; what TLS adds to the login is put in and taken out here.
 */
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { authPlugins, type ConnectionOptions } from 'mysql2';
import type { ClusterTls } from '../base/cluster-tls.ts';
import { messageOf } from '../base/errors.ts';
import type { LoginStep } from '../wire/login.ts';
import { LoginPhase } from '../wire/login-phase.ts';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** Null: the connection stays plain. */
  readonly tls: ClusterTls | null;
}

const KEEPALIVE_DELAY_MS = 60_000;

/** Of mysql2's own, of which we use none: by default each connection makes room for 16,000, half a mebibyte. */
const STATEMENTS_KEPT = { maxPreparedStatements: 1 };

/**
 * What mysql2 is told of each connection of ours. Where the connection below it is encrypted, also to show passwords
 * as the server expects there: it can't see so for itself.
 */
export function loginOptions(tls: ClusterTls | null, password: string): ConnectionOptions {
  if (tls === null) return STATEMENTS_KEPT;
  return {
    ...STATEMENTS_KEPT,
    authPlugins: {
      caching_sha2_password: authPlugins.caching_sha2_password({ overrideIsSecure: true }),
      sha256_password: () => () => Buffer.from(`${password}\0`),
    },
  };
}

export class LoginStream extends Duplex {
  readonly #address: ServerAddress;
  readonly #failed: (error: Error) => void;
  #socket: Socket;
  /** Follows the login where TLS is to be put in; null: bytes pass as they are. */
  #login: LoginPhase | null;
  #cut = false;
  /** What mysql2 says to an answer while that is still being looked at; null: none is. */
  #held: Buffer[] | null = null;

  /** Connects at once. `failed` is called when the connection can't be made, breaks, or brings nonsense. */
  constructor(address: ServerAddress, failed: (error: Error) => void) {
    super();
    this.#address = address;
    this.#failed = failed;
    this.#login = address.tls === null ? null : new LoginPhase({ client: 'none', server: true, ours: true });
    this.#socket = connect({ host: address.host, port: address.port });
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, KEEPALIVE_DELAY_MS);
    this.#listen();
  }

  /** Lets go of the connection, which is encrypted where it is to be; mysql2 hears and says no more. */
  cut(): Socket {
    this.#cut = true;
    this.#unlisten();
    this.destroy();
    return this.#socket;
  }

  override _read(): void {}

  /** What mysql2 says where it has no room for more rows: the server is made to wait. */
  override pause(): this {
    if (!this.#cut) this.#socket.pause();
    return this;
  }

  override resume(): this {
    if (!this.#cut) this.#socket.resume();
    return this;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#held !== null) this.#held.push(chunk);
    else if (!this.#cut) this.#send(chunk);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#cut) this.#socket.destroy();
    done(error);
  }

  #send(chunk: Buffer): void {
    if (this.#login === null) this.#socket.write(chunk);
    else this.#step(this.#login.push('client', chunk, this.#toServer));
  }

  #receive(chunk: Buffer): void {
    // A server that sends nonsense makes mysql2's decoder throw: that concerns this connection alone.
    try {
      if (this.#login === null) this.emit('data', chunk);
      else this.#loginBytes(this.#login, chunk);
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }

  /** With the OK mysql2 may ask something at once, before it is seen here that the login is over. */
  #loginBytes(login: LoginPhase, chunk: Buffer): void {
    const held: Buffer[] = [];
    this.#held = held;
    const step = login.push('server', chunk, this.#toClient);
    this.#held = null;
    this.#step(step);
    for (const said of held) if (!this.#cut) this.#send(said);
  }

  #step(step: LoginStep): void {
    switch (step.step) {
      case 'go_on':
        return;
      case 'server_tls':
        this.#beginTls(step.request);
        return;
      case 'tls_missing':
        this.#failed(new Error('TLS is configured to this server, and it offers none'));
        return;
      case 'broken':
        this.#failed(new Error(step.reason));
        return;
      default:
        this.#pass();
    }
  }

  #beginTls(request: Buffer): void {
    const { tls, host } = this.#address;
    if (tls === null) return;
    this.#socket.write(request);
    this.#unlisten();
    const socket = tls.connect(this.#socket, host);
    this.#socket = socket;
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.once('secureConnect', () => {
      if (this.#cut || this.#login === null) return;
      socket.on('data', this.#onData);
      this.#step(this.#login.serverSecured(this.#toServer));
    });
  }

  /** The login is over, well or not: mysql2 and the server are among themselves. */
  #pass(): void {
    const login = this.#login;
    this.#login = null;
    const fromServer = login?.rest('server');
    const fromClient = login?.rest('client');
    if (fromServer !== undefined && fromServer.length > 0) this.emit('data', fromServer);
    if (fromClient !== undefined && fromClient.length > 0) this.#send(fromClient);
  }

  #listen(): void {
    this.#socket.on('data', this.#onData);
    this.#socket.on('error', this.#onError);
    this.#socket.on('close', this.#onClose);
  }

  #unlisten(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onClose);
  }

  readonly #toServer = (bytes: Buffer): void => {
    this.#socket.write(bytes);
  };
  readonly #toClient = (bytes: Buffer): void => {
    this.emit('data', bytes);
  };
  readonly #onData = (chunk: Buffer): void => this.#receive(chunk);
  readonly #onError = (error: Error): void => this.#failed(error);
  readonly #onClose = (): void =>
    this.#failed(new Error('the server closed the connection during the login'));
}
