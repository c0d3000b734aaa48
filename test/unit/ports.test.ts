/** Ports for the servers of tests: no two processes are handed the same one. */
import { createServer } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { freePort, type freePorts } from '../harness/ports.ts';

afterEach(() => vi.resetModules());

/** What another process has loaded: it begins at the same number, as if it had this one's id. */
async function elsewhere(): Promise<typeof freePorts> {
  vi.resetModules();
  return (await import('../harness/ports.ts')).freePorts;
}

it('a port that was handed out is handed to no other process, whether anything listens on it yet or not', async () => {
  const [ours, theirs] = [await elsewhere(), await elsewhere()];
  const ports = (await Promise.all([ours(20), theirs(20)])).flat();
  expect(new Set(ports).size).toBe(40);
});

it('a port on which something listens is passed over', async () => {
  const port = await freePort();
  const server = createServer();
  // Where it can't listen there, something else does.
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve());
    server.listen(port + 1, '127.0.0.1', resolve);
  });
  expect(await freePort()).toBeGreaterThan(port + 1);
  server.close();
});
