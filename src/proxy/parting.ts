/** How the two connections of a session end: whatever ends it, either side still hears what was sent to it before. */
import { commandPacket } from '../wire/packets.ts';
import { COM } from '../wire/protocol.ts';
import type { ByteStream } from './byte-stream.ts';
import { Linger } from './linger.ts';

export class Parting {
  readonly #client: ByteStream;
  readonly #server: ByteStream;
  readonly #lingerTimeoutMs: number;
  #clientIs: 'there' | 'gone' = 'there';
  /** For whichever side is left. */
  #linger: Linger | null = null;

  /** Either side must take some of what is left for it in each `lingerTimeoutMs`. */
  constructor(client: ByteStream, server: ByteStream, lingerTimeoutMs: number) {
    this.#client = client;
    this.#server = server;
    this.#lingerTimeoutMs = lingerTimeoutMs;
  }

  /** Now, whatever is under way. */
  terminate(): void {
    // For a client that has stopped to read nobody can wait.
    if (this.#client.unsentBytes > 0) this.#client.destroy();
    else this.#client.endAndDestroy();
    this.#server.destroy();
  }

  /** The client was told why; the server's word is not waited for. */
  refuse(): void {
    this.#client.endAndDestroy();
    this.#server.destroy();
  }

  /** The leave is taken in the client's place, who has not asked for it. */
  dismiss(): void {
    this.#server.write(commandPacket(COM.QUIT, ''));
    this.#server.end();
    this.#client.endAndDestroy();
  }

  /** Nothing is left to be said: whichever side closes first, both connections go at once. */
  part(): void {
    this.#client.endAndDestroy();
    this.#server.endAndDestroy();
    if (this.#client.unsentBytes > 0) this.#lingerForClient();
  }

  serverEnded(): void {
    this.#client.end();
    this.#server.end();
    this.#lingerForClient();
  }

  serverClosed(error: Error | null): void {
    if (this.#clientIs === 'gone') {
      this.#linger?.end();
      return;
    }
    // A reset would take with it what the client has not read yet: the server's last words, perhaps.
    if (error !== null && this.#client.unsentBytes === 0) this.#client.reset();
    else this.#client.endAndDestroy();
    // Either of them may wait until the client has read what was written.
    this.#lingerForClient();
  }

  clientClosed(): void {
    this.#clientIs = 'gone';
    this.#linger?.end();
    this.#server.endAndDestroy();
    // A server that has taken everything needs no waiting for.
    if (this.#server.unsentBytes > 0) this.#linger = new Linger(this.#server, this.#lingerTimeoutMs);
  }

  /** What ended the client's stream may have told of its end already. */
  #lingerForClient(): void {
    if (this.#clientIs === 'there') this.#linger ??= new Linger(this.#client, this.#lingerTimeoutMs);
  }
}
