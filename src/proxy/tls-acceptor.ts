/**
 * TLS towards clients. A server of Node's that never listens: it is given sockets whose clients have asked for
 * TLS, and gives them back encrypted. Sessions are not resumed and handshakes are not repeated: clients of this
 * protocol do neither, and both have been ways around checks.
 */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { readTlsMaterial, secureContextOf } from '../base/tls-files.ts';
import type { ListenTlsSettings } from '../config/tls-schema.ts';

interface Waiting {
  /** `fault`: why the client's certificate is not accepted; null where it is, or where none is asked for. */
  readonly secured: (socket: TLSSocket, fault: string | null) => void;
  readonly failed: (reason: Error) => void;
}

const SECURE_OPTIONS = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

export class TlsAcceptor {
  readonly required: boolean;
  readonly #settings: ListenTlsSettings;
  readonly #asksForCertificate: boolean;
  readonly #server: Server;
  /** By the client's address and both ports, which no two connections share. */
  readonly #waiting = new Map<string, Waiting>();
  #expiresAtMs: number | null = null;

  /** Throws UsageError where a file is not what it should be. `handshakeTimeoutMs` bounds one handshake. */
  constructor(settings: ListenTlsSettings, handshakeTimeoutMs: number) {
    this.#settings = settings;
    this.required = settings.requireTls;
    this.#asksForCertificate = settings.files.ca !== undefined;
    this.#server = createServer({
      ...this.#context(),
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: this.#asksForCertificate,
      // A client that is let in this far can be told what is wrong with its certificate.
      rejectUnauthorized: false,
    });
    this.#server.on('secureConnection', (socket) => this.#secured(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#waiting.get(keyOf(socket))?.failed(error));
  }

  /** When the certificate stops being valid, milliseconds since 1970. */
  get expiresAtMs(): number | null {
    return this.#expiresAtMs;
  }

  /** Reads the files anew, for handshakes to come. Throws UsageError, and then keeps what it had. */
  reload(): void {
    this.#server.setSecureContext(this.#context());
  }

  /**
   * Begins the handshake on a socket whose unread bytes are the client's part of it. `failed` says why it came
   * to nothing, and the socket closes; where the client just goes away only the latter happens.
   */
  accept(socket: Socket, waiting: Waiting): void {
    const key = keyOf(socket);
    this.#waiting.set(key, waiting);
    socket.once('close', () => this.#forget(key, waiting));
    this.#server.emit('connection', socket);
  }

  #secured(socket: TLSSocket): void {
    const key = keyOf(socket);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      socket.destroy();
      return;
    }
    this.#waiting.delete(key);
    const accepted = !this.#asksForCertificate || socket.authorized;
    // Node's types call it an Error; it is the error's code.
    waiting.secured(socket, accepted ? null : `${socket.authorizationError ?? 'not authorized'}`);
  }

  #forget(key: string, waiting: Waiting): void {
    if (this.#waiting.get(key) === waiting) this.#waiting.delete(key);
  }

  #context(): SecureContextOptions {
    const { files } = this.#settings;
    const material = readTlsMaterial(files);
    secureContextOf(files.place, material);
    this.#expiresAtMs = material.expiresAtMs;
    const { ca, cert, key, minVersion } = material;
    return { ca, cert, key, minVersion, secureOptions: SECURE_OPTIONS };
  }
}

function keyOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}
