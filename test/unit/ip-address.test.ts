/** Addresses and networks as text and bytes, held against Node's own reading of them. */
import { isIP, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asIpv6, formatIp, parseIp, plainIp } from '../../src/base/ip-address.ts';
import { isWithin, parseNetwork } from '../../src/base/ip-network.ts';

const within = (network: string, address: string): boolean => {
  const parsed = parseNetwork(network);
  if (parsed === null) throw new Error(`${network} is no network`);
  return isWithin([parsed], address);
};

describe('an address', () => {
  it.each([
    ['0.0.0.0', '00000000'],
    ['192.168.1.255', 'c0a801ff'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['2001:db8::8:800:200c:417a', '20010db80000000000080800200c417a'],
    ['2001:DB8:0:0:8:800:200C:417A', '20010db80000000000080800200c417a'],
    ['::ffff:10.1.2.3', '00000000000000000000ffff0a010203'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
  ])('%s is read', (text, hex) => {
    expect(parseIp(text)?.toString('hex')).toBe(hex);
  });

  it.each([
    ...['', '1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', '1.2.3.4 ', '1.2.3.-4', 'localhost', '1.2.3.4/8'],
    ...[':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', '::g', '1.2.3.4::', '::1%lo'],
    ...['1:2:3:4:5:6:7:8::', '::1.2.3', '1:', ':1'],
  ])('"%s" is none', (text) => {
    expect(parseIp(text)).toBeNull();
  });

  it('is an address exactly where Node says so, and comes back as it was', () => {
    const group = fc.stringMatching(/^[0-9a-f]{0,4}$/);
    const likely = fc.array(fc.oneof(group, fc.ipV4(), fc.constant('')), { maxLength: 9 });
    const texts = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      likely.map((parts) => parts.join(':')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = parseIp(text);
        expect(bytes !== null).toBe(isIP(text) !== 0);
        if (bytes === null) return;
        const again = formatIp(bytes);
        expect(isIP(again)).not.toBe(0);
        expect(asIpv6(parseIp(again)!)).toEqual(asIpv6(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('is written the shortest usual way', () => {
    const written = (text: string): string => formatIp(parseIp(text)!);
    expect(written('2001:0db8:0:0:1:0:0:0')).toBe('2001:db8:0:0:1::');
    expect(written('0:0:1::')).toBe('0:0:1::');
    expect(written('1:0:2:3:4:5:6:7')).toBe('1:0:2:3:4:5:6:7');
    expect(written('::ffff:10.1.2.3')).toBe('10.1.2.3');
    expect(plainIp('fe80::1%eth0')).toBe('fe80::1');
    expect(plainIp('::ffff:7f00:1')).toBe('127.0.0.1');
    expect(plainIp('/run/socket')).toBe('/run/socket');
  });
});

describe('a network', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', '11.0.0.0'],
    ['10.0.0.0/8', '::ffff:10.1.1.1', '::a01:101'],
    ['::ffff:10.0.0.0/104', '10.9.9.9', '11.9.9.9'],
    ['192.168.4.0/22', '192.168.7.255', '192.168.8.0'],
    ['10.1.2.3', '10.1.2.3', '10.1.2.2'],
    ['10.1.2.3/32', '10.1.2.3', '10.1.2.4'],
    ['::1/128', '::1', '::2'],
    ['::1', '::1', '127.0.0.1'],
    ['2001:db8::/33', '2001:db8:7fff::1', '2001:db8:8000::'],
    ['fe80::/10', 'fe80::1%eth0', 'fec0::1'],
    ['0.0.0.0/0', '255.1.2.3', '::1'],
    ['::/0', '1.2.3.4', 'nonsense'],
  ])('%s holds %s and not %s', (network, inside, outside) => {
    expect(within(network, inside)).toBe(true);
    expect(within(network, outside)).toBe(false);
  });

  it.each([
    '',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.1/8',
    '2001:db8::1/64',
    '10.0.0.0/',
    '10.0.0.0/-1',
    'a/8',
    '::/1e1',
  ])('"%s" is none', (text) => expect(parseNetwork(text)).toBeNull());

  it('holds what agrees with it in its first bits, and nothing else', () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 }), (a, b, bits) => {
        const [first, second] = [a, b].map((text) => BigInt(`0x${parseIp(text)!.toString('hex')}`));
        const shift = BigInt(128 - bits);
        const base = ((first! >> shift) << shift).toString(16).padStart(32, '0');
        const network = `${base.replace(/.{4}(?!$)/g, '$&:')}/${bits}`;
        if (!isIPv6(a) || !isIPv6(b)) return;
        expect(within(network, a)).toBe(true);
        expect(within(network, b)).toBe(first! >> shift === second! >> shift);
      }),
      { numRuns: 1000 },
    );
  });
});
