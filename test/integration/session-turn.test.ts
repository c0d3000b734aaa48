/** What sessions send in one turn of the event loop: writes wait for one append for all. The servers' part is played by scripts. */
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { TapSource } from '../../src/mirror/tap.ts';
import { WriteTurn } from '../../src/proxy/write-turn.ts';
import { ok, packets, query } from '../harness/packet-writer.ts';
import { logInRig, type SessionRig, startSessionRig } from '../harness/session-rig.ts';

const WAIT = { timeout: 10_000 };
const READ = packets(query('DO 1'), 0);
/** So many writes of so many bytes are more than the sockets between take for a server that does not read. */
const MANY = 1000;
const LARGE = 60_000;

const write = (text: string): Buffer => packets(query(`INSERT ${text}`), 0);

/** Writes are on record as far as `recorded` says. */
let sent = 0;
let recorded = 0;
let records = 0;
let turn: WriteTurn;
let rigs: SessionRig[] = [];
beforeEach(() => {
  [sent, recorded, records] = [0, 0, 0];
  turn = new WriteTurn(() => {
    if (recorded === sent) return;
    recorded = sent;
    records += 1;
  });
});
afterEach(() => {
  for (const rig of rigs) rig.close();
  rigs = [];
});

/** Every INSERT has to be on record before it is sent. */
const taps: TapSource = {
  tap: () => {
    let owes = false;
    return {
      command: ({ payload }) => {
        if (payload.toString('latin1', 1, 7) !== 'INSERT') return;
        owes = true;
        sent += 1;
      },
      ready: () => {
        const now = owes;
        owes = false;
        return now;
      },
      reply: () => {},
      lostStep: () => {},
      closed: () => {},
    };
  },
  record: () => turn.record(),
  unseen: () => {},
};

async function establish(): Promise<SessionRig & { readonly seen: () => Buffer }> {
  const rig = await startSessionRig({ taps, turn });
  rigs.push(rig);
  return { ...rig, seen: await logInRig(rig) };
}

it('the writes of several sessions in one turn are recorded at once, before any of them is sent', async () => {
  const [a, b] = [await establish(), await establish()];
  const before: number[] = [];
  for (const { far } of [a, b]) far.on('data', () => before.push(recorded));
  for (const { client } of [a, b]) client.handler.data(Buffer.concat([write('1'), write('2')]));
  expect(records).toBe(0);
  await vi.waitFor(() => {
    for (const { seen } of [a, b]) expect(seen()).toEqual(Buffer.concat([write('1'), write('2')]));
  }, WAIT);
  expect([records, ...before]).toEqual([1, 4, 4]);
});

it('what a session sends behind a write in the same turn comes behind it, and so does its end', async () => {
  const { client, far, seen } = await establish();
  const ended = once(far, 'end');
  client.handler.data(write('1'));
  client.handler.data(READ);
  client.handler.data(write('2'));
  client.handler.ended();
  await ended;
  expect(seen()).toEqual(Buffer.concat([write('1'), READ, write('2')]));
  expect(recorded).toBe(2);
});

it('a write goes out whole where the client is gone in the same turn', async () => {
  const { client, far, seen } = await establish();
  const ended = once(far, 'end');
  client.handler.data(write('1'));
  client.handler.closed(null);
  await ended;
  expect([seen(), recorded]).toEqual([write('1'), 1]);
});

it('an answer to what came before is passed on while a write waits', async () => {
  const { client, far, seen } = await establish();
  client.handler.data(READ);
  await vi.waitFor(() => expect(seen()).toEqual(READ), WAIT);
  far.write(packets(ok(), 1));
  // Whichever turn the answer comes in, there is a write in it.
  while (client.received.length === 0) {
    client.handler.data(write('1'));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const writes = Buffer.concat(Array.from({ length: sent }, () => write('1')));
  await vi.waitFor(() => expect(seen()).toEqual(Buffer.concat([READ, writes])), WAIT);
  expect(client.received).toEqual(packets(ok(), 1));
});

it('a client whose writes the server does not take is not read on, until it does', async () => {
  const { client, far, seen } = await establish();
  far.pause();
  const one = write('x'.repeat(LARGE));
  while (!client.isPaused && sent < MANY) {
    client.handler.data(one);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(client.isPaused).toBe(true);
  far.resume();
  await vi.waitFor(() => expect([client.isPaused, seen().length]).toEqual([false, sent * one.length]), WAIT);
});
