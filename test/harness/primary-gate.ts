/**
 * A relay before the primary. What a proxy sends is seen here the moment that it arrives, before it goes on, and what
 * the primary answers can be held back, a connection at a time.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface PrimaryGate {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** `then` is called when these bytes have arrived, in one piece or several; once. */
  onArrival(bytes: string | Buffer, then: () => void): void;
  /** On the connection on which these bytes arrive nothing of the primary comes through from then on. */
  hold(bytes: string): HeldAnswers;
  close(): Promise<void>;
}

export interface HeldAnswers {
  /** The primary has answered behind the bytes. */
  readonly answered: Promise<void>;
  release(): void;
}

interface Watch {
  readonly bytes: Buffer;
  readonly then: (link: Link) => void;
}

class Link {
  readonly client: Socket;
  #tail: Buffer = Buffer.alloc(0);
  #held: Buffer[] | null = null;
  #answered: () => void = () => {};
  #ended = false;

  constructor(client: Socket) {
    this.client = client;
  }

  /** The watches whose bytes end in this chunk. */
  arrived(chunk: Buffer, watches: ReadonlySet<Watch>): Watch[] {
    const bytes = Buffer.concat([this.#tail, chunk]);
    const longest = Math.max(1, ...[...watches].map((watch) => watch.bytes.length));
    const found = [...watches].filter((watch) => {
      const from = Math.max(0, this.#tail.length - watch.bytes.length + 1);
      return bytes.includes(watch.bytes, from);
    });
    this.#tail = bytes.subarray(Math.max(0, bytes.length - longest));
    return found;
  }

  hold(answered: () => void): void {
    this.#held = [];
    this.#answered = answered;
  }

  release(): void {
    for (const chunk of this.#held ?? []) this.client.write(chunk);
    this.#held = null;
    if (this.#ended) this.client.end();
  }

  /** The primary has ended the connection. */
  end(): void {
    if (this.#held === null) this.client.end();
    else this.#ended = true;
  }

  answer(chunk: Buffer): void {
    if (this.#held === null) this.client.write(chunk);
    else {
      this.#held.push(chunk);
      this.#answered();
    }
  }
}

/** Listens on a free port of loopback, and relays to `port`. */
export async function startPrimaryGate(port: number): Promise<PrimaryGate> {
  const watches = new Set<Watch>();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    const link = new Link(client);
    client.on('data', (chunk: Buffer) => {
      for (const watch of link.arrived(chunk, watches)) {
        watches.delete(watch);
        watch.then(link);
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => link.answer(chunk));
    client.on('end', () => upstream.end());
    upstream.on('end', () => link.end());
    client.on('close', () => upstream.destroy());
    upstream.on('close', (failed) => failed && client.destroy());
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const watch = (bytes: string | Buffer, then: Watch['then']): void =>
    void watches.add({ bytes: Buffer.from(bytes), then });
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    onArrival: watch,
    hold(bytes) {
      let held: Link | null = null;
      const answered = new Promise<void>((resolve) => {
        watch(bytes, (link) => {
          held = link;
          link.hold(resolve);
        });
      });
      return { answered, release: () => held?.release() };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
