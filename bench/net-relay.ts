/**
 * `tsx bench/net-relay.ts PORT OLD_PORT`: passes bytes on, reads nothing. What Node alone costs in between,
 * by its `net` module as anybody would use it.
 */
import { connect, createServer, type Socket } from 'node:net';

function pass(from: Socket, to: Socket): void {
  from.on('data', (chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
}

const [port, oldPort] = process.argv.slice(2).map(Number);
if (port === undefined || oldPort === undefined) throw new Error('usage: net-relay.ts PORT OLD_PORT');

const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const old = connect({ host: '127.0.0.1', port: oldPort, noDelay: true, allowHalfOpen: true });
  pass(client, old);
  pass(old, client);
});
server.listen({ host: '127.0.0.1', port, backlog: 511 });
// By exit, so that a profile of it is written.
process.once('SIGTERM', () => process.exit(0));
