/** Free ports on loopback, each handed out to one process at a time. */
import { createSocket, type Socket } from 'node:dgram';
import { createServer } from 'node:net';

// Below the kernel's ephemeral range, so that no outgoing connection takes a port that was handed out.
const PORT_FIRST = 10_240;
const PORT_COUNT = 22_000;
const ATTEMPTS_MAX = 500;
// Neighbouring processes begin this far apart: one asks for fewer ports than that, as a rule.
const PROCESS_STRIDE = 61;

let next = (process.pid * PROCESS_STRIDE) % PORT_COUNT;

/** A port that nothing listens on, and that no process of ours is handed out while this one runs. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = PORT_FIRST + next;
    next = (next + 1) % PORT_COUNT;
    const claim = await claimPort(port);
    if (claim === null) continue;
    if (await canListen(port)) return port;
    claim.close();
  }
  throw new Error(`no free port found in ${ATTEMPTS_MAX} attempts`);
}

/** `count` different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/**
 * Between finding a port free and listening on it another process may find it free too. So the same number is
 * taken for UDP, which nothing here speaks, for as long as this process lives: however it ends, the kernel lets go
 * of it. Null: another process has it.
 */
function claimPort(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(null);
    });
    socket.bind({ address: '127.0.0.1', port, exclusive: true }, () => {
      socket.unref();
      resolve(socket);
    });
  });
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
