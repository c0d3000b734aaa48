/** A TCP server of the test's own, which knows its connections and takes them with it when it ends. */
import { createServer, type Server, type Socket } from 'node:net';

const BACKLOG = 2048;

export class SocketServer {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(accept: (socket: Socket) => void) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      accept(socket);
    });
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) =>
      this.#server.listen({ host: '127.0.0.1', port, backlog: BACKLOG }, resolve),
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
}
