/** How a session ends whose client takes its leave (COM_QUIT): the server's part is played by a script. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { ok, packets, query } from '../harness/packet-writer.ts';
import { logInRig, type PlayedClient, type SessionRig, startSessionRig } from '../harness/session-rig.ts';

const QUIT = packets(Buffer.of(1), 0);
const STATEMENT = packets(query('DO 1'), 0);
const REPLY = packets(ok(), 1);
const WAIT = { timeout: 10_000 };

let rig: SessionRig | null = null;
afterEach(() => rig?.close());

/** A session that is logged in; `far` is the server's end of it, and `seen` what came to that since. */
async function establish(): Promise<{ client: PlayedClient; far: Socket; seen: () => Buffer }> {
  rig = await startSessionRig();
  const { client, far } = rig;
  return { client, far, seen: await logInRig(rig) };
}

it('both connections go at once when the client has closed behind its leave', async () => {
  const { client, far, seen } = await establish();
  const ended = once(far, 'end');
  client.handler.data(QUIT);
  client.handler.ended();
  // The server has not closed yet: nothing of it is waited for.
  expect(client.calls).toEqual(['endAndDestroy']);
  await ended;
  expect(seen()).toEqual(QUIT);
  // Nobody is there to read on.
  const refused = vi.fn();
  far.on('error', refused);
  await vi.waitFor(() => {
    far.write(REPLY);
    expect(refused).toHaveBeenCalled();
  }, WAIT);
});

it('and when the server has, even if the client has not', async () => {
  const { client, far } = await establish();
  client.handler.data(QUIT);
  far.end();
  await vi.waitFor(() => expect(client.calls).not.toEqual([]), WAIT);
  expect(client.calls).not.toContain('end');
});

it('a command before the leave is answered first', async () => {
  const { client, far } = await establish();
  const ended = once(far, 'end');
  client.handler.data(Buffer.concat([STATEMENT, QUIT]));
  client.handler.ended();
  expect(client.calls).toEqual([]);
  await ended;
  far.end(REPLY);
  await vi.waitFor(() => expect(client.calls).not.toEqual([]), WAIT);
  expect(client.received).toEqual(REPLY);
});

it('a client that closes without a leave still hears what the server sends', async () => {
  const { client, far } = await establish();
  const ended = once(far, 'end');
  client.handler.data(STATEMENT);
  far.write(REPLY);
  await vi.waitFor(() => expect(client.received).toEqual(REPLY), WAIT);
  client.handler.ended();
  expect(client.calls).toEqual([]);
  await ended;
  far.end(REPLY);
  await vi.waitFor(() => expect(client.received).toEqual(Buffer.concat([REPLY, REPLY])), WAIT);
});
