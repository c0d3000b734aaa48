/** Free ports on loopback. */
import { createServer } from 'node:net';

// Below the kernel's ephemeral range, so that no outgoing connection takes a port that was handed out.
const PORT_FIRST = 10_240;
const PORT_COUNT = 22_000;
const ATTEMPTS_MAX = 500;
// Neighbouring processes begin this far apart: one asks for fewer ports than that, as a rule.
const PROCESS_STRIDE = 61;

let next = (process.pid * PROCESS_STRIDE) % PORT_COUNT;

/** A port that nothing listens on and that this process hands out only once in 22,000 calls. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = PORT_FIRST + next;
    next = (next + 1) % PORT_COUNT;
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port found in ${ATTEMPTS_MAX} attempts`);
}

/** `count` different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
