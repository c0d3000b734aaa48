/**
 * What the other side sent before it reset a connection is read, also where a write fails before that. The other
 * side is in a thread of its own, and this one stands still until it has gone: so the write comes first for sure.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ClusterTls } from '../../src/base/cluster-tls.ts';
import type { ByteStream } from '../../src/proxy/byte-stream.ts';
import { openStream } from '../../src/proxy/open-stream.ts';
import { openSocket } from '../../src/proxy/socket-stream.ts';
import { type Certificates, makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';

const LAST_WORDS = 'the server says why';
const KINDS = ['a bare handle', 'a socket', 'a shortened socket', 'TLS'] as const;
type Kind = (typeof KINDS)[number];

/** Says its last words and resets the connection at a message; then lets the other thread go on. */
const FAR_END = `
const { createServer } = require('node:net');
const { TLSSocket, createSecureContext } = require('node:tls');
const { parentPort, workerData } = require('node:worker_threads');
const { cert, key, turn, words } = workerData;
const server = createServer({ noDelay: true }, (socket) => {
  const speaker = cert === null ? socket : new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ cert, key }) });
  for (const each of [socket, speaker]) each.on('error', () => {});
  speaker.on('data', () => {});
  speaker.write('hello, ');
  parentPort.once('message', () => speaker.write(words, () => {
    socket.once('close', () => { Atomics.store(turn, 0, 1); Atomics.notify(turn, 0); });
    socket.resetAndDestroy();
  }));
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

let certificates: Certificates;
const workers: Worker[] = [];
beforeAll(async () => {
  certificates = await makeCertificates();
});
afterAll(() => Promise.all(workers.map((worker) => worker.terminate())));

async function startFarEnd(tls: boolean): Promise<{ readonly port: number; sayAndReset(): void }> {
  const turn = new Int32Array(new SharedArrayBuffer(4));
  const { server } = certificates;
  const pair = tls
    ? { cert: readFileSync(server.certificate), key: readFileSync(server.key) }
    : { cert: null, key: null };
  const worker = new Worker(FAR_END, { eval: true, workerData: { ...pair, turn, words: LAST_WORDS } });
  workers.push(worker);
  const [port] = (await once(worker, 'message')) as [number];
  return {
    port,
    sayAndReset() {
      worker.postMessage('go');
      expect(Atomics.wait(turn, 0, 0, 45_000)).not.toBe('timed-out');
    },
  };
}

interface Heard {
  readonly stream: ByteStream;
  readonly text: () => string;
  readonly closed: () => boolean;
}

function open(kind: Kind, port: number): Heard {
  const target = { host: '127.0.0.1', port };
  let [text, isClosed] = ['', false];
  const handler = {
    data: (chunk: Buffer) => {
      text += chunk.toString('latin1');
    },
    drained: () => {},
    ended: () => {},
    closed: () => {
      isClosed = true;
    },
  };
  const heard = (stream: ByteStream): Heard => ({
    stream,
    text: () => text,
    closed: () => isClosed,
  });
  if (kind === 'a bare handle') return heard(openStream(target, 5000, handler, () => {}));
  const socket = openSocket(target, 5000, handler, () => {
    if (kind === 'a shortened socket') socket.shorten();
    if (kind === 'TLS') socket.openTls(clusterTls(), '127.0.0.1', () => {});
  });
  return heard(socket);
}

function clusterTls(): ClusterTls {
  const none = { certificate: undefined, key: undefined };
  const files = { place: 'oldTls', ca: certificates.ca, ...none, minVersion: 'TLSv1.2' } as const;
  return new ClusterTls({ files, serverName: undefined, verify: true });
}

it.each(KINDS)('on %s', async (kind) => {
  const far = await startFarEnd(kind === 'TLS');
  const { stream, text, closed } = open(kind, far.port);
  await waitFor(() => text() === 'hello, ', { what: 'the connection' });
  far.sayAndReset();
  for (let writes = 0; writes < 3; writes += 1) stream.write(Buffer.from('a command'));
  await waitFor(closed, { what: 'the end' });
  expect(text()).toBe(`hello, ${LAST_WORDS}`);
});
