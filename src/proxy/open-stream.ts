/** Opens connections that TLS will never come to, in the cheapest way there is. */
import { tcpBinding } from '../base/tcp-binding.ts';
import type { ByteStream, StreamHandler } from './byte-stream.ts';
import { openSocket } from './socket-stream.ts';
import { TcpStream } from './tcp-stream.ts';

/**
 * The handler's `closed` is called with an error when the connection can't be opened; `connected` when it is.
 * `timeoutMs` bounds the opening.
 */
export function openStream(
  target: { readonly host: string; readonly port: number },
  timeoutMs: number,
  handler: StreamHandler,
  connected: () => void,
): ByteStream {
  if (tcpBinding === null) return openSocket(target, timeoutMs, handler, connected);
  return TcpStream.open(tcpBinding, target, timeoutMs, handler, connected);
}
