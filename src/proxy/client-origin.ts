/** Where a client's connection comes from: what its balancer says of it, or else what its socket does. */
import { plainIp } from '../base/ip-address.ts';
import type { SocketName, TcpHandle } from '../base/tcp-binding.ts';
import type { ProxiedEndpoints, ProxyHeader } from '../wire/proxy-protocol.ts';

/** Both ends of a connection, as far as they are known; a socket is one. */
export interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

export class ClientOrigin {
  /** Milliseconds since the accept that have gone into the header. */
  readonly waitedMs: number;
  readonly #ends: Ends;
  readonly #header: ProxyHeader | null;

  /** `header`: null where the connection was not passed on by a trusted balancer. */
  constructor(ends: Ends, header: ProxyHeader | null, waitedMs: number) {
    this.#ends = ends;
    this.#header = header;
    this.waitedMs = waitedMs;
  }

  /** Both ends of the client's own connection; null: the balancer knows none. */
  get endpoints(): ProxiedEndpoints | null {
    if (this.#header !== null) return this.#header.endpoints;
    const { remoteAddress, remotePort, localAddress, localPort } = this.#ends;
    if (remoteAddress === undefined || localAddress === undefined) return null;
    return {
      source: { address: plainIp(remoteAddress), port: remotePort ?? 0 },
      destination: { address: plainIp(localAddress), port: localPort ?? 0 },
    };
  }

  /** For the log. Asking the system for it costs a call, so that it is asked only when it is told. */
  get name(): string {
    if (this.#header === null) return peerName(this.#ends);
    const source = this.#header.endpoints?.source;
    return source === undefined ? `unknown, by way of ${peerName(this.#ends)}` : nameOf(source);
  }
}

/** Who is at the other end of the connection itself, for the log. */
export function peerName({ remoteAddress, remotePort }: Ends): string {
  if (remoteAddress === undefined) return 'unknown';
  return nameOf({ address: plainIp(remoteAddress), port: remotePort ?? 0 });
}

function nameOf({ address, port }: { address: string; port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Of a bare handle: each is asked of the system when it is wanted, and unknown once the connection is closed. */
export class HandleEnds implements Ends {
  readonly #handle: TcpHandle;

  constructor(handle: TcpHandle) {
    this.#handle = handle;
  }

  get remoteAddress(): string | undefined {
    return this.#remote().address;
  }

  get remotePort(): number | undefined {
    return this.#remote().port;
  }

  get localAddress(): string | undefined {
    return this.#local().address;
  }

  get localPort(): number | undefined {
    return this.#local().port;
  }

  #remote(): SocketName {
    const name: SocketName = {};
    this.#handle.getpeername(name);
    return name;
  }

  #local(): SocketName {
    const name: SocketName = {};
    this.#handle.getsockname(name);
    return name;
  }
}
