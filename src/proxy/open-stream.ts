/** Opens connections to the old server, each in the cheapest way that serves it. */
import { tcpBinding } from '../base/tcp-binding.ts';
import type { ByteStream, StreamHandler } from './byte-stream.ts';
import { openSocket } from './socket-stream.ts';
import { TcpStream } from './tcp-stream.ts';

/**
 * The handler's `closed` is called with an error when the connection can't be opened; `connected` when it is.
 * `timeoutMs` bounds the opening. `plain`: TLS will never come to it.
 */
export function openStream(
  target: { readonly host: string; readonly port: number; readonly plain: boolean },
  timeoutMs: number,
  handler: StreamHandler,
  connected: () => void,
): ByteStream {
  if (!target.plain || tcpBinding === null) return openSocket(target, timeoutMs, handler, connected);
  return TcpStream.open(tcpBinding, target, timeoutMs, handler, connected);
}
