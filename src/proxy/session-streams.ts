/** The two connections of a session, and the TLS that may come to them. */
import type { ByteStream, SecurableStream, StreamHandler } from './byte-stream.ts';
import { openStream } from './open-stream.ts';
import type { SessionTls } from './session-tls.ts';
import { openSocket } from './socket-stream.ts';

/** Without TLS any kind of stream does. */
export type SessionStreams =
  | { readonly tls: null; readonly client: ByteStream; readonly server: ByteStream }
  | { readonly tls: SessionTls; readonly client: SecurableStream; readonly server: SecurableStream };

/** How the client's stream is made. */
export type ClientOpening =
  | { readonly tls: null; open(handler: StreamHandler): ByteStream }
  | { readonly tls: SessionTls; open(handler: StreamHandler): SecurableStream };

/** Where the old server is, and how long it may take to be reached. */
export interface ServerTarget {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

/** `connected` is called when the server is reached; what else comes of either connection, its handler hears. */
export function openStreams(
  opening: ClientOpening,
  target: ServerTarget,
  handlers: { readonly client: StreamHandler; readonly server: StreamHandler },
  connected: () => void,
): SessionStreams {
  const { timeoutMs } = target;
  if (opening.tls === null) {
    const client = opening.open(handlers.client);
    return { tls: null, client, server: openStream(target, timeoutMs, handlers.server, connected) };
  }
  const client = opening.open(handlers.client);
  return { tls: opening.tls, client, server: openSocket(target, timeoutMs, handlers.server, connected) };
}
