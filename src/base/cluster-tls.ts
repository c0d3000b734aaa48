/** TLS towards one of the clusters: how our end of it is made, with certificates that can be read anew. */
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type SecureContext, type TLSSocket } from 'node:tls';
import { readTlsMaterial, secureContextOf, type TlsFiles } from './tls-files.ts';

export interface ClusterTlsSettings {
  readonly files: TlsFiles;
  /** The name that the servers' certificates have; undefined: the host that is connected to. */
  readonly serverName: string | undefined;
  /** False: the connection is encrypted, whoever stands at its other end. */
  readonly verify: boolean;
}

export class ClusterTls {
  readonly #settings: ClusterTlsSettings;
  #context: SecureContext;
  #expiresAtMs: number | null = null;

  /** Throws UsageError where a file is not what it should be. */
  constructor(settings: ClusterTlsSettings) {
    this.#settings = settings;
    this.#context = this.#read();
  }

  /** When our own certificate stops being valid, milliseconds since 1970; null where we show none. */
  get expiresAtMs(): number | null {
    return this.#expiresAtMs;
  }

  /** Reads the files anew, for connections to come. Throws UsageError, and then keeps what it had. */
  reload(): void {
    this.#context = this.#read();
  }

  /**
   * Begins TLS on a connected socket, whose bytes are its own from here on. `secureConnect` is emitted only
   * once the server has shown a certificate that holds; nothing secret may be written before.
   */
  connect(socket: Socket, host: string): TLSSocket {
    const { serverName, verify } = this.#settings;
    const name = serverName ?? host;
    return connect({
      socket,
      secureContext: this.#context,
      rejectUnauthorized: verify,
      // The name that Node would take by itself is that of the socket, which has none where it went to an address.
      checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
      // RFC 6066 has no addresses in the server name indication.
      ...(isIP(name) === 0 ? { servername: name } : {}),
    });
  }

  #read(): SecureContext {
    const { files } = this.#settings;
    const material = readTlsMaterial(files);
    const context = secureContextOf(files.place, material);
    this.#expiresAtMs = material.expiresAtMs;
    return context;
  }
}
