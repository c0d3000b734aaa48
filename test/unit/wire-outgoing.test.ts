/** Commands of ours, put together for one write, as the command reader of the other side would see them. */
import { expect, it } from 'vitest';
import { CommandReader } from '../../src/wire/command-reader.ts';
import { OutgoingPackets } from '../../src/wire/outgoing-packets.ts';
import { COM, MAX_PAYLOAD } from '../../src/wire/protocol.ts';

function read(bytes: Buffer): Buffer[] {
  const seen: Buffer[] = [];
  const reader = new CommandReader<never>(Number.POSITIVE_INFINITY);
  expect(reader.feed(bytes, (exchange) => void seen.push(exchange.keep()))).toBe(true);
  expect(reader.atRest).toBe(true);
  return seen;
}

it.each([0, 1, 255, 70_000, 300_000, MAX_PAYLOAD - 2, MAX_PAYLOAD - 1, MAX_PAYLOAD])(
  'a command of %i bytes between two others',
  (length) => {
    const body = Buffer.alloc(length, 'x');
    const outgoing = new OutgoingPackets();
    for (let turn = 0; turn < 2; turn++) {
      outgoing.add(COM.QUERY, Buffer.from('SELECT 1'));
      outgoing.add(COM.QUERY, body);
      outgoing.add(COM.PING, Buffer.alloc(0));
      const [first, second, third, ...more] = read(Buffer.from(outgoing.take()));
      expect(first?.toString()).toBe('\x03SELECT 1');
      expect(second?.[0]).toBe(COM.QUERY);
      expect(second?.subarray(1).equals(body)).toBe(true);
      expect(third).toEqual(Buffer.of(COM.PING));
      expect(more).toEqual([]);
    }
    expect(outgoing.take()).toHaveLength(0);
  },
);
