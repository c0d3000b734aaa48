/** Where a client's connection comes from: what its balancer says of it, or else what its socket does. */
import type { Socket } from 'node:net';
import { plainIp } from '../base/ip-address.ts';
import type { ProxiedEndpoints, ProxyHeader } from '../wire/proxy-protocol.ts';

export class ClientOrigin {
  /** Milliseconds since the accept that have gone into the header. */
  readonly waitedMs: number;
  readonly #socket: Socket;
  readonly #header: ProxyHeader | null;

  /** `header`: null where the connection was not passed on by a trusted balancer. */
  constructor(socket: Socket, header: ProxyHeader | null, waitedMs: number) {
    this.#socket = socket;
    this.#header = header;
    this.waitedMs = waitedMs;
  }

  /** Both ends of the client's own connection; null: the balancer knows none. */
  get endpoints(): ProxiedEndpoints | null {
    if (this.#header !== null) return this.#header.endpoints;
    const { remoteAddress, remotePort, localAddress, localPort } = this.#socket;
    if (remoteAddress === undefined || localAddress === undefined) return null;
    return {
      source: { address: plainIp(remoteAddress), port: remotePort ?? 0 },
      destination: { address: plainIp(localAddress), port: localPort ?? 0 },
    };
  }

  /** For the log. Asking the system for it costs a call, so that it is asked only when it is told. */
  get name(): string {
    if (this.#header === null) return peerName(this.#socket);
    const source = this.#header.endpoints?.source;
    return source === undefined ? `unknown, by way of ${peerName(this.#socket)}` : nameOf(source);
  }
}

/** Who is at the other end of the socket itself, for the log. */
export function peerName({ remoteAddress, remotePort }: Socket): string {
  if (remoteAddress === undefined) return 'unknown';
  return nameOf({ address: plainIp(remoteAddress), port: remotePort ?? 0 });
}

function nameOf({ address, port }: { address: string; port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
