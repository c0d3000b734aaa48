/** Headers of the PROXY protocol: the specification's own, every cut of them, and bytes that are none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import { plainIp } from '../../src/base/ip-address.ts';
import {
  type Endpoint,
  PROXY_HEADER_BYTES_MAX,
  type ProxiedEndpoints,
  readProxyHeader,
  writeProxyHeader,
} from '../../src/wire/proxy-protocol.ts';
import { createRandom } from '../harness/random.ts';
import { takeSeed } from '../harness/seed.ts';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V4 = Buffer.from('0a0102030a00000104d20cea', 'hex');
const V4_ENDS: ProxiedEndpoints = {
  source: { address: '10.1.2.3', port: 1234 },
  destination: { address: '10.0.0.1', port: 3306 },
};
const V6_ENDS: ProxiedEndpoints = {
  source: { address: '2001:db8::7', port: 65_535 },
  destination: { address: '::1', port: 1 },
};

function block(command: number, family: number, body: Buffer, length = body.length): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.of(command, family, length >> 8, length & 0xff), body]);
}

function extension(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type, value.length >> 8, value.length & 0xff), value]);
}

/** A whole header whose last extension is the checksum over it. */
function withChecksum(wrong = 0): Buffer {
  const header = block(
    0x21,
    0x11,
    Buffer.concat([V4, extension(4, Buffer.alloc(5)), extension(3, Buffer.alloc(4))]),
  );
  header.writeUInt32BE((crc32c(header) ^ wrong) >>> 0, header.length - 4);
  return header;
}

const line = (text: string): Buffer => Buffer.from(`${text}\r\n`, 'latin1');
const LONGEST = `PROXY UNKNOWN ${'f'.repeat(91)}`;

const GOOD: readonly (readonly [string, Buffer, 'proxy' | 'local', ProxiedEndpoints | null])[] = [
  ['v1, IPv4', line('PROXY TCP4 10.1.2.3 10.0.0.1 1234 3306'), 'proxy', V4_ENDS],
  ['v1, IPv6', line('PROXY TCP6 2001:DB8::7 0:0:0:0:0:0:0:1 65535 1'), 'proxy', V6_ENDS],
  ['v1, unknown', line('PROXY UNKNOWN'), 'proxy', null],
  ['v1, unknown, with what nobody reads', line('PROXY UNKNOWN ffff::1 x y z'), 'proxy', null],
  ['v1, as long as can be', line(LONGEST), 'proxy', null],
  ['v2, IPv4', block(0x21, 0x11, V4), 'proxy', V4_ENDS],
  ['v2, IPv6', writeProxyHeader('v2', V6_ENDS), 'proxy', V6_ENDS],
  ['v2, unspecified', block(0x21, 0x00, Buffer.alloc(0)), 'proxy', null],
  ['v2, unspecified, with what nobody reads', block(0x21, 0x00, Buffer.alloc(33, 7)), 'proxy', null],
  ['v2, datagrams', block(0x21, 0x12, V4), 'proxy', null],
  ['v2, UNIX', block(0x21, 0x31, Buffer.alloc(216, 'a')), 'proxy', null],
  ['v2, local', block(0x20, 0x00, Buffer.alloc(0)), 'local', null],
  ['v2, local, with what nobody reads', block(0x20, 0x77, Buffer.alloc(9, 1)), 'local', null],
  [
    'v2, extensions',
    block(0x21, 0x11, Buffer.concat([V4, extension(5, Buffer.from('id')), extension(0xe0, V4)])),
    'proxy',
    V4_ENDS,
  ],
  [
    'v2, an empty extension',
    block(0x21, 0x11, Buffer.concat([V4, extension(4, Buffer.alloc(0))])),
    'proxy',
    V4_ENDS,
  ],
  ['v2, a checksum', withChecksum(), 'proxy', V4_ENDS],
  [
    'v2, as long as can be',
    block(0x21, 0x11, Buffer.concat([V4, extension(4, Buffer.alloc(PROXY_HEADER_BYTES_MAX - 31))])),
    'proxy',
    V4_ENDS,
  ],
];

const BAD: readonly (readonly [string, Buffer, RegExp])[] = [
  ['a login', Buffer.from([85, 0, 0, 1, 141]), /no PROXY protocol header/],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n'), /no PROXY/],
  ['a lower case word', Buffer.from('proxy TCP4'), /no PROXY/],
  ['a word that goes on', line('PROXY UNKNOWNS'), /no addresses/],
  ['a line without end', Buffer.from(`${LONGEST}f\r\n`), /too long/],
  ['a line with two spaces', line('PROXY  TCP4 10.1.2.3 10.0.0.1 1 2'), /no addresses/],
  ['a line ending in a space', line('PROXY TCP4 10.1.2.3 10.0.0.1 1 2 '), /no addresses/],
  ['a family of another address', line('PROXY TCP4 ::1 ::1 1 2'), /no addresses/],
  ['a family of another address', line('PROXY TCP6 1.2.3.4 ::1 1 2'), /no addresses/],
  ['another transport', line('PROXY UDP4 10.1.2.3 10.0.0.1 1 2'), /no addresses/],
  ['a port too large', line('PROXY TCP4 10.1.2.3 10.0.0.1 65536 2'), /no addresses/],
  ['a port with a zero before it', line('PROXY TCP4 10.1.2.3 10.0.0.1 01 2'), /no addresses/],
  ['an address that is none', line('PROXY TCP4 10.1.2.256 10.0.0.1 1 2'), /no addresses/],
  ['a bare newline', Buffer.from(`PROXY TCP4 10.1.2.3 10.0.0.1 1 2\n${'x'.repeat(90)}`), /too long/],
  ['version 1 in a block', block(0x11, 0x11, V4), /no version 1/],
  ['an unknown command', block(0x22, 0x11, V4), /no command 2/],
  ['an unknown family', block(0x21, 0x41, Buffer.alloc(216)), /no such family/],
  ['an unknown transport', block(0x21, 0x13, V4), /no such family/],
  ['addresses that do not fit', block(0x21, 0x21, V4), /no room/],
  ['a block that is announced too long', block(0x21, 0x11, V4, PROXY_HEADER_BYTES_MAX - 15), /too long/],
  ['a local block that is announced too long', block(0x20, 0x00, V4, 0xffff), /too long/],
  ['an extension cut short', block(0x21, 0x11, Buffer.concat([V4, Buffer.of(4, 0)])), /beyond its end/],
  [
    'an extension that is too long',
    block(0x21, 0x11, Buffer.concat([V4, Buffer.of(4, 0, 2, 9)])),
    /beyond its end/,
  ],
  ['a wrong checksum', withChecksum(1), /checksum/],
  [
    'a checksum of two bytes',
    block(0x21, 0x11, Buffer.concat([V4, extension(3, Buffer.alloc(2))])),
    /checksum/,
  ],
];

describe('a header', () => {
  it.each(GOOD)('%s is read, and what follows it left alone', (_name, bytes, command, endpoints) => {
    const expected = { step: 'done', header: { length: bytes.length, command, endpoints } };
    expect(readProxyHeader(bytes)).toEqual(expected);
    expect(readProxyHeader(Buffer.concat([bytes, Buffer.from('PROXY \r\n')]))).toEqual(expected);
  });

  it.each(GOOD)('%s is waited for to its end', (_name, bytes) => {
    for (let cut = 0; cut < bytes.length; cut++) {
      if (readProxyHeader(bytes.subarray(0, cut)).step !== 'more') expect.fail(`decided at byte ${cut}`);
    }
  });

  it.each(BAD)('%s is refused', (_name, bytes, reason) => {
    expect(readProxyHeader(bytes)).toEqual({ step: 'broken', reason: expect.stringMatching(reason) });
  });

  it.each(BAD)('%s is refused by the bytes that show it, and stays so', (_name, bytes) => {
    let refused = false;
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { step } = readProxyHeader(bytes.subarray(0, cut));
      if (step === 'done' || (refused && step !== 'broken')) expect.fail(`byte ${cut}: ${step}`);
      refused ||= step === 'broken';
    }
    expect(refused).toBe(true);
  });

  it('is decided before more than its bound came', () => {
    for (const [, bytes] of [...GOOD, ...BAD]) {
      const flood = Buffer.concat([bytes, Buffer.alloc(PROXY_HEADER_BYTES_MAX, 'x')]);
      expect(readProxyHeader(flood.subarray(0, PROXY_HEADER_BYTES_MAX)).step).not.toBe('more');
    }
  });
});

describe('a header of ours', () => {
  const port = fc.integer({ min: 0, max: 65_535 });
  const end = (address: fc.Arbitrary<string>) => fc.record({ address, port });
  const ends = fc.oneof(
    fc.record({ source: end(fc.ipV4()), destination: end(fc.ipV4()) }),
    fc.record({ source: end(fc.ipV6()), destination: end(fc.oneof(fc.ipV4(), fc.ipV6())) }),
  );

  it('is read as it was meant, in both versions', () => {
    fc.assert(
      fc.property(ends, fc.constantFrom('v1' as const, 'v2' as const), (endpoints, version) => {
        const bytes = writeProxyHeader(version, endpoints);
        const read = readProxyHeader(bytes);
        const plain = (end: Endpoint): Endpoint => ({ ...end, address: plainIp(end.address) });
        const { source, destination } = endpoints;
        const expected = { source: plain(source), destination: plain(destination) };
        const header = { length: bytes.length, command: 'proxy', endpoints: expected };
        expect(read).toEqual({ step: 'done', header });
      }),
    );
  });

  it('says so where nothing is known', () => {
    expect(writeProxyHeader('v1', null)).toEqual(line('PROXY UNKNOWN'));
    expect(writeProxyHeader('v2', null)).toEqual(block(0x20, 0, Buffer.alloc(0)));
    const unnamed = { source: { address: '/run/socket', port: 0 }, destination: V4_ENDS.destination };
    expect(writeProxyHeader('v1', unnamed)).toEqual(line('PROXY UNKNOWN'));
  });

  it('is the one of the specification', () => {
    expect(writeProxyHeader('v1', V4_ENDS)).toEqual(line('PROXY TCP4 10.1.2.3 10.0.0.1 1234 3306'));
    expect(writeProxyHeader('v2', V4_ENDS)).toEqual(block(0x21, 0x11, V4));
    const mixed = { source: V4_ENDS.source, destination: V6_ENDS.destination };
    expect(writeProxyHeader('v1', mixed)).toEqual(line('PROXY TCP6 ::ffff:10.1.2.3 ::1 1234 1'));
    expect(writeProxyHeader('v2', mixed)[13]).toBe(0x21);
  });
});

describe('noise', () => {
  it('never throws, and is never taken for more than was given', () => {
    const random = createRandom(takeSeed('PROXY headers'));
    const steps = new Map<string, number>();
    for (let count = 0; count < 50_000; count++) {
      const bytes = Buffer.from(random.pick(GOOD)[1]);
      for (let changes = random.integer(0, 3); changes > 0; changes--) {
        bytes[random.integer(0, Math.min(bytes.length - 1, 60))] = random.integer(0, 255);
      }
      const given = bytes.subarray(0, random.integer(0, bytes.length));
      const read = readProxyHeader(random.chance(0.5) ? bytes : given);
      if (read.step === 'done') expect(read.header.length).toBeLessThanOrEqual(bytes.length);
      steps.set(read.step, (steps.get(read.step) ?? 0) + 1);
    }
    for (const step of ['more', 'done', 'broken']) expect(steps.get(step), step).toBeGreaterThan(1000);
  });
});

describe('the checksum', () => {
  // RFC 3720, appendix B.4.
  it.each([
    [Buffer.alloc(32), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
    [Buffer.from('123456789'), 0xe3069283],
  ])('of %s is the published one', (bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
  });
});
