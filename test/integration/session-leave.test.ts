/** How a session ends whose client takes its leave (COM_QUIT): the server's part is played by a script. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { writeGreeting, writeResponse } from '../harness/library-commands.ts';
import { ok, packets, query } from '../harness/packet-writer.ts';
import { CLIENT } from '../harness/reply-reader.ts';
import { type PlayedClient, type SessionRig, startSessionRig } from '../harness/session-rig.ts';

const CAPABILITIES = Number(CLIENT.PROTOCOL_41 | CLIENT.SECURE_CONNECTION | CLIENT.PLUGIN_AUTH);
const GREETING = {
  serverVersion: '8.0.36',
  capabilityFlags: CAPABILITIES | 1,
  connectionId: 1,
  statusFlags: 2,
};
const RESPONSE = { flags: CAPABILITIES | 1, user: 'u', password: '', database: '', charsetNumber: 45 };
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
  let seen = Buffer.alloc(0);
  far.on('data', (chunk) => {
    seen = Buffer.concat([seen, chunk]);
  });
  const greeting = packets(writeGreeting(GREETING), 0);
  far.write(greeting);
  await vi.waitFor(() => expect(client.received.length).toBe(greeting.length), WAIT);
  const response = packets(writeResponse(RESPONSE), 1);
  client.handler.data(Buffer.from(response));
  await vi.waitFor(() => expect(seen.length).toBe(response.length), WAIT);
  const admission = packets(ok(), 2);
  far.write(admission);
  await vi.waitFor(() => expect(client.received.length).toBe(greeting.length + admission.length), WAIT);
  client.received = Buffer.alloc(0);
  seen = Buffer.alloc(0);
  return { client, far, seen: () => seen };
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
