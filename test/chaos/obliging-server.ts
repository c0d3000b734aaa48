/** A server that says OK to everything at once, and reads as fast as it can: no real one lets itself be flooded so. */
import { connect as dial, type Socket } from 'node:net';
import { err, ok, packets, prepareOk } from '../harness/packet-writer.ts';
import { greet, OFFERED_LEAST, response, SCHEMA_USER, serveSchema } from './scripted-sessions.ts';
import { SocketServer } from './socket-server.ts';

const HEADER = 4;
const LONGEST = 0xff_ffff;
const PREPARE = 0x16;
const SILENT = [0x18, 0x19];
const OK = ok({ status: 2 });

export class ObligingServer {
  readonly #server = new SocketServer((socket) => {
    greet(socket, ({ user, capabilities }, rest) => {
      if (user === 'nobody') {
        socket.end(packets(err(1045), 2));
        return;
      }
      socket.write(packets(ok({ status: 2 }), 2));
      if (user === SCHEMA_USER) serveSchema(socket, capabilities);
      else oblige(socket, rest);
    });
  });

  listen(port: number): Promise<void> {
    return this.#server.listen(port);
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

/** Keeps nothing of a command but its first byte, however long it is, and answers once it is complete. */
function oblige(socket: Socket, early: Buffer): void {
  const header = Buffer.alloc(HEADER);
  let filled = 0;
  let left = 0;
  let type = -1;
  let prepared = 0;
  let replies: Buffer[] = [];
  const endPacket = (): void => {
    filled = 0;
    if (header.readUIntLE(0, 3) === LONGEST) return;
    // The reply goes on with the number of the command's last packet.
    const sequence = (header[3]! + 1) & 0xff;
    if (type === PREPARE) replies.push(packets(prepareOk(++prepared, 0, 0), sequence));
    else if (!SILENT.includes(type)) replies.push(packets(OK, sequence));
    type = -1;
  };
  const read = (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length; ) {
      if (filled < HEADER) {
        header[filled++] = chunk[at++]!;
        left = header.readUIntLE(0, 3);
        if (filled === HEADER && left === 0) endPacket();
        continue;
      }
      if (type === -1) type = chunk[at]!;
      const taken = Math.min(left, chunk.length - at);
      left -= taken;
      at += taken;
      if (left === 0) endPacket();
    }
    if (replies.length > 0) socket.write(Buffer.concat(replies));
    replies = [];
  };
  socket.on('data', read);
  socket.on('end', () => socket.end());
  if (early.length > 0) read(early);
}

/** A client that has logged in, and reads only how many bytes come. */
export interface Flooder {
  readonly socket: Socket;
  received(): number;
}

/** Rejects where it is refused, with what it was told. */
export async function logInTo(port: number, user = 'flood'): Promise<Flooder> {
  const socket = dial({ host: '127.0.0.1', port, noDelay: true });
  let received = 0;
  let step: 'greeting' | 'answer' | 'in' = 'greeting';
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection was closed')));
    socket.on('data', (chunk: Buffer) => {
      if (step === 'in') received += chunk.length;
      else if (chunk[HEADER] === 0xff) reject(new Error(chunk.toString('latin1', HEADER + 3)));
      else if (step === 'greeting') {
        step = 'answer';
        socket.write(packets(response(user, OFFERED_LEAST), 1));
      } else {
        step = 'in';
        resolve();
      }
    });
  }).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
  return { socket, received: () => received };
}
