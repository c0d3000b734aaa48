/** A shadow made by hand: what a lane writes, write by write, and answers when the test says so. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { COM } from '../../src/wire/protocol.ts';

const HEADER_LENGTH = 4;
const OK = Buffer.of(7, 0, 0, 1, 0, 1, 0, 2, 0, 0, 0);

/** Takes short commands only: each stands in one packet. */
export class FakeShadow extends Duplex {
  /** The commands of each write. */
  readonly writes: string[][] = [];
  #unanswered = 0;

  get socket(): Socket {
    return this as unknown as Socket;
  }

  /** Commands without an answer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const commands = commandsOf(chunk);
    this.#unanswered += commands.length;
    this.writes.push(commands);
    done();
  }

  /** Answers the oldest commands, each with success (0) or an error. */
  answer(...errnos: readonly number[]): void {
    this.#unanswered -= errnos.length;
    this.emit('data', Buffer.concat(errnos.map((errno) => (errno === 0 ? OK : errorPacket(errno)))));
  }
}

function commandsOf(chunk: Buffer): string[] {
  const commands: string[] = [];
  for (let at = 0; at < chunk.length; ) {
    const end = at + HEADER_LENGTH + chunk.readUIntLE(at, 3);
    const body = chunk.toString('latin1', at + HEADER_LENGTH + 1, end);
    const command = chunk[at + HEADER_LENGTH];
    if (command === COM.QUERY) commands.push(body);
    else commands.push(command === COM.INIT_DB ? `USE ${body}` : `command ${command}`);
    at = end;
  }
  return commands;
}

function errorPacket(errno: number): Buffer {
  const body = Buffer.concat([Buffer.of(0xff, errno & 0xff, errno >> 8), Buffer.from('#HY000no')]);
  return Buffer.concat([Buffer.of(body.length, 0, 0, 1), body]);
}
