/** An old server whose logins go as the dice say, each connection by a script of its own. */
import { createServer, type Server, type Socket } from 'node:net';
import { createRandom } from '../harness/random.ts';
import { makeServerScript, type ServerScript } from './login-scripts.ts';

const HEADER = 4;

export class SpoiltGreeter {
  /** Packets of servers that were bent, or not, by the dice. */
  packets = 0;
  readonly #seed: number;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #accepted = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
      this.#play(socket);
    });
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) =>
      this.#server.listen({ host: '127.0.0.1', port, backlog: 2048 }, resolve),
    );
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Connections that stand. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** The number of the connection makes its script again. */
  #play(socket: Socket): void {
    this.#accepted += 1;
    const script = makeServerScript(createRandom(this.#seed + this.#accepted));
    const replies = [script.greeting, ...script.replies];
    let held = Buffer.alloc(0);
    const sayNext = (): void => {
      const next = replies.shift();
      if (next === undefined) return;
      this.packets += 1;
      socket.write(next);
      if (replies.length === 0) leave(socket, script);
    };
    sayNext();
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= HEADER && held.length >= HEADER + held.readUIntLE(0, 3)) {
        held = held.subarray(HEADER + held.readUIntLE(0, 3));
        sayNext();
      }
    });
    socket.on('end', () => socket.end());
  }
}

function leave(socket: Socket, { ending }: ServerScript): void {
  if (ending === 'ends') socket.end();
  else if (ending === 'resets') socket.resetAndDestroy();
}
