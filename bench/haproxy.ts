/** HAProxy as a plain TCP relay: the yardstick for what any process in between costs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { freePort } from '../test/harness/ports.ts';
import { type Child, startChild } from '../test/harness/process.ts';
import { temporaryDirectory } from '../test/harness/temp.ts';

export interface Haproxy {
  readonly port: number;
  readonly child: Child;
}

/** As short as its documentation lets it be; in TCP mode it sets TCP_NODELAY by itself. */
export function haproxyConfig(port: number | string, oldPort: number | string): string {
  return `global
  maxconn 4096
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen mysql
  bind 127.0.0.1:${port}
  server old 127.0.0.1:${oldPort}
`;
}

export async function startHaproxy(oldPort: number): Promise<Haproxy> {
  const port = await freePort();
  const file = join(temporaryDirectory('haproxy'), 'haproxy.cfg');
  writeFileSync(file, haproxyConfig(port, oldPort));
  const child = await startChild({
    name: 'haproxy',
    command: 'haproxy',
    // In the foreground and without a master, so that the one process is the one that relays.
    args: ['-db', '-q', '-f', file],
    ready: async () => {
      const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' });
      connection.destroy();
      return true;
    },
  });
  return { port, child };
}
