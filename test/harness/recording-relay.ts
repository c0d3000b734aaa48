/** A relay that keeps every byte of the connections through it, in the order in which the sides spoke. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Run, Side } from './wire-session.ts';

export interface RecordingRelay {
  readonly port: number;
  /** The bytes of connection `index`, in the order of acceptance. */
  runs(index: number): readonly Run[];
  readonly connections: number;
  close(): Promise<void>;
}

export async function startRecordingRelay(serverPort: number): Promise<RecordingRelay> {
  const recordings: Run[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const runs: Run[] = [];
    recordings.push(runs);
    const upstream = connect({ host: '127.0.0.1', port: serverPort, noDelay: true });
    relay(client, upstream, 'client', runs);
    relay(upstream, client, 'server', runs);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
    }
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    runs: (index) => recordings[index] ?? [],
    get connections() {
      return recordings.length;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function relay(from: Socket, to: Socket, side: Side, runs: Run[]): void {
  from.on('data', (bytes: Buffer) => {
    keep(runs, side, bytes);
    to.write(bytes);
  });
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
}

function keep(runs: Run[], from: Side, bytes: Buffer): void {
  const last = runs.at(-1);
  if (last?.from === from) runs[runs.length - 1] = { from, bytes: Buffer.concat([last.bytes, bytes]) };
  else runs.push({ from, bytes });
}
