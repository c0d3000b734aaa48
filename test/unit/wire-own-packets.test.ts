/** The packets that the proxy makes itself, read by two libraries. */
import { describe, expect, it } from 'vitest';
import { CLIENT_ERRORS, errorText } from '../../src/base/errors.ts';
import { commandPacket, errorPacket, framed } from '../../src/wire/packets.ts';
import { readErrorPacket, splitPackets } from '../harness/library-packets.ts';
import { packets } from '../harness/packet-writer.ts';

describe('an error', () => {
  it.each(Object.values(CLIENT_ERRORS))('$code is read as it was meant', (error) => {
    const message = errorText(error, { shard: 's00', limit: 5, host: 'h', port: 1, reason: 'na\u00efve' });
    const [packet, ...more] = splitPackets(errorPacket(error, message, 258, true));
    expect(more).toEqual([]);
    expect(packet?.sequence).toBe(2);
    const { errno, sqlState } = error;
    expect(readErrorPacket(packet?.payload ?? Buffer.alloc(0))).toEqual({ errno, sqlState, message });
  });

  it('has no SQLSTATE before the capabilities are known', () => {
    const [packet] = splitPackets(errorPacket(CLIENT_ERRORS.tooManyConnections, 'full', 0, false));
    expect(readErrorPacket(packet?.payload ?? Buffer.alloc(0))).toEqual({
      errno: 1040,
      sqlState: '',
      message: 'full',
    });
  });
});

describe('a command', () => {
  it('is its byte and its text', () => {
    for (const text of ['', 'SELECT \u2603', Buffer.of(0, 255)]) {
      const body = Buffer.from(text);
      expect(splitPackets(commandPacket(3, text))).toEqual([
        { sequence: 0, payload: Buffer.concat([Buffer.of(3), body]) },
      ]);
    }
  });

  it.each([0, 1, 70_000, 0xff_fffe, 0xff_ffff, 0x100_0000, 2 * 0xff_ffff, 40_000_000])(
    'of %d bytes goes in as many packets as it needs',
    (length) => {
      const payload = Buffer.alloc(length, 0x61);
      const bytes = Buffer.concat(framed(payload));
      expect(bytes.equals(packets(payload, 0))).toBe(true);
      const [packet, ...more] = splitPackets(bytes);
      expect([packet?.payload.equals(payload), more.length]).toEqual([true, 0]);
    },
  );
});
