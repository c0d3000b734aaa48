/** An old server whose logins go as the dice say, each connection by a script of its own. */
import type { Socket } from 'node:net';
import { createRandom } from '../harness/random.ts';
import { makeServerScript, type ServerScript } from './login-scripts.ts';
import { SocketServer } from './socket-server.ts';

const HEADER = 4;

export class SpoiltGreeter {
  /** Packets of servers that were bent, or not, by the dice. */
  packets = 0;
  readonly #seed: number;
  readonly #server: SocketServer;
  #accepted = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#server = new SocketServer((socket) => {
      socket.on('error', () => undefined);
      this.#play(socket);
    });
  }

  listen(port: number): Promise<void> {
    return this.#server.listen(port);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  /** Connections that stand. */
  get connections(): number {
    return this.#server.connections;
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
