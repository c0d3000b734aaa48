/** HAProxy as a plain TCP relay: the yardstick for what any process in between costs. */
import { type Peer, startPeer } from './peer.ts';

/** As short as its documentation lets it be; in TCP mode it sets TCP_NODELAY by itself. */
export function haproxyConfig(port: number | string, oldPort: number | string): string {
  return `global
  maxconn 4096
  nbthread 1
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

export function startHaproxy(oldPort: number): Promise<Peer> {
  return startPeer('haproxy', ({ port, writeFile }) => ({
    command: 'haproxy',
    // In the foreground and without a master, so that the one process is the one that relays.
    args: ['-db', '-q', '-f', writeFile('haproxy.cfg', haproxyConfig(port, oldPort))],
  }));
}
