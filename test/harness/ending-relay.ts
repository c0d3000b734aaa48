/** Relays bytes to a server, and ends connections in the ways that a server's machine can, at a word. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface EndingRelay {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Resets every connection now. */
  resetAll(): void;
  /** From now on nothing more is read of what clients send. */
  hang(): void;
  /** Ends that, and every connection with it. */
  recover(): void;
  close(): Promise<void>;
}

export async function startEndingRelay(port: number): Promise<EndingRelay> {
  const clients = new Set<Socket>();
  let hangs = false;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    clients.add(client);
    client.on('data', (chunk) => {
      upstream.write(chunk);
      if (hangs) client.pause();
    });
    client.on('end', () => upstream.end());
    client.on('close', () => {
      clients.delete(client);
      upstream.destroy();
    });
    client.on('drain', () => upstream.resume());
    upstream.on('data', (chunk) => {
      if (!client.write(chunk)) upstream.pause();
    });
    upstream.on('end', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    for (const socket of [client, upstream]) socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    resetAll: () => {
      for (const client of clients) client.resetAndDestroy();
    },
    hang: () => {
      hangs = true;
      for (const client of clients) client.pause();
    },
    recover: () => {
      hangs = false;
      for (const client of clients) client.destroy();
    },
    async close() {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
