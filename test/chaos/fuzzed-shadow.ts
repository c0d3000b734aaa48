/** A shadow that answers every command in good form, and, while it is told to, with bytes out of order. */
import { createServer, type Server, type Socket } from 'node:net';
import {
  column,
  eof,
  err,
  lenenc,
  ok,
  packets,
  prepareOk,
  stream,
  textRow,
} from '../harness/packet-writer.ts';
import type { Random } from '../harness/random.ts';
import { greeting } from './scripted-sessions.ts';
import { mutateBytes } from './session-mutation.ts';

const HEADER = 4;
const COMMAND = {
  query: 0x03,
  prepare: 0x16,
  execute: 0x17,
  longData: 0x18,
  close: 0x19,
  quit: 0x01,
} as const;

export type Manner = 'good' | 'hostile';

export class FuzzedShadow {
  manner: Manner = 'hostile';
  /** Replies that were spoilt. */
  spoilt = 0;
  readonly #random: Random;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(random: Random) {
    this.#random = random;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen({ host: '127.0.0.1', port }, resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#reply(socket, packets(greeting(), 0), 0.02);
    let held: Buffer = Buffer.alloc(0);
    let loggedIn = false;
    socket.on('data', (chunk: Buffer) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      while (held.length >= HEADER && held.length >= HEADER + held.readUIntLE(0, 3)) {
        const end = HEADER + held.readUIntLE(0, 3);
        const payload = held.subarray(HEADER, end);
        held = held.subarray(end);
        if (loggedIn) this.#command(socket, payload);
        else this.#reply(socket, packets(ok(), 2), 0.02);
        loggedIn = true;
      }
    });
  }

  #command(socket: Socket, payload: Buffer): void {
    const type = payload[0];
    if (type === COMMAND.quit) socket.end();
    else if (type === COMMAND.prepare)
      this.#reply(socket, stream([prepareOk(1, 0, 1), column('?'), eof()], 1), 0.05);
    else if (type === COMMAND.longData || type === COMMAND.close) return;
    else this.#reply(socket, this.#answer(type, payload), 0.05);
  }

  #answer(type: number | undefined, payload: Buffer): Buffer {
    const isRead = type === COMMAND.query && payload.toString('latin1', 1, 7) === 'SELECT';
    if (isRead) return stream([lenenc(1), column('v'), eof(), textRow(['x']), textRow([null]), eof()], 1);
    const fails = this.manner === 'hostile' && this.#random.chance(0.02);
    return packets(fails ? err(this.#random.pick([1062, 1213, 1205])) : ok({ affectedRows: 1 }), 1);
  }

  #reply(socket: Socket, bytes: Buffer, share: number): void {
    if (this.manner === 'good' || !this.#random.chance(share)) {
      socket.write(bytes);
      return;
    }
    this.spoilt += 1;
    const dice = this.#random.next();
    // Silence is a lane's to end.
    if (dice < 0.1) return;
    if (dice < 0.2) {
      socket.resetAndDestroy();
      return;
    }
    socket.write(mutateBytes(bytes, this.#random));
    if (dice < 0.3) socket.end();
  }
}
