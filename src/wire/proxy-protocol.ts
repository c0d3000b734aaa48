/**
 * The PROXY protocol, by which a balancer tells whose connection it passes on. Source: "The PROXY protocol,
 * Versions 1 & 2", HAProxy's doc/proxy-protocol.txt. Version 1 is a line of text, version 2 a binary block.
 */

import { crc32c } from '../base/crc32c.ts';
import { asIpv6, formatIp, parseIp } from '../base/ip-address.ts';

export type ProxyProtocolVersion = 'v1' | 'v2';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface ProxiedEndpoints {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

export interface ProxyHeader {
  /** Bytes of the header, its end included. */
  readonly length: number;
  /** `local`: the balancer's own connection, such as a health check. */
  readonly command: 'proxy' | 'local';
  /** Null: the connection passed on has no IP addresses (UNKNOWN, UNSPEC, UNIX), or is the balancer's own. */
  readonly endpoints: ProxiedEndpoints | null;
}

export type ProxyHeaderStep =
  | { readonly step: 'more' }
  | { readonly step: 'done'; readonly header: ProxyHeader }
  | { readonly step: 'broken'; readonly reason: string };

/** Addresses take 216 bytes at most; what follows them is short (a name, a certificate's subject). */
export const PROXY_HEADER_BYTES_MAX = 4096;

const V1_START = Buffer.from('PROXY ');
/** The longest line there can be, with its CRLF. */
const V1_BYTES_MAX = 107;
const V1_UNKNOWN = /^PROXY UNKNOWN(?: |$)/;
const V1_LINE = /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED_BYTES = 16;
const LOCAL = 0x20;
const PROXY = 0x21;
const STREAM = 1;
const CRC32C = 0x03;

/** Bytes of both addresses and ports, by the family's number: UNSPEC, INET, INET6, UNIX. */
const ADDRESS_BYTES = [0, 12, 36, 216] as const;

const MORE: ProxyHeaderStep = { step: 'more' };

/** Reads the header that `bytes` begins with. `more`: as far as it goes it is one, and its end is missing. */
export function readProxyHeader(bytes: Buffer): ProxyHeaderStep {
  if (beginsLike(bytes, V1_START)) return bytes.length < V1_START.length ? MORE : readLine(bytes);
  if (beginsLike(bytes, V2_START)) return bytes.length < V2_FIXED_BYTES ? MORE : readBlock(bytes);
  return broken('what came is no PROXY protocol header');
}

/** The header by which `endpoints` are told of; null: nothing is known of them. */
export function writeProxyHeader(version: ProxyProtocolVersion, endpoints: ProxiedEndpoints | null): Buffer {
  const known = endpoints === null ? null : packed(endpoints);
  if (version === 'v1') return Buffer.from(`PROXY ${known === null ? 'UNKNOWN' : known.line}\r\n`);
  const head = Buffer.alloc(4);
  head[0] = known === null ? LOCAL : PROXY;
  head[1] = known === null ? 0 : known.block.length === ADDRESS_BYTES[1] ? 0x11 : 0x21;
  head.writeUInt16BE(known?.block.length ?? 0, 2);
  return Buffer.concat([V2_START, head, known?.block ?? Buffer.alloc(0)]);
}

/** One is the beginning of the other. */
function beginsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readLine(bytes: Buffer): ProxyHeaderStep {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n');
  if (end < 0) {
    return bytes.length < V1_BYTES_MAX ? MORE : broken('the line of the PROXY protocol header is too long');
  }
  const line = bytes.toString('latin1', 0, end);
  const length = end + 2;
  if (V1_UNKNOWN.test(line)) return done({ length, command: 'proxy', endpoints: null });
  const [, family, from = '', to = '', fromPort, toPort] = V1_LINE.exec(line) ?? [];
  const source = endpoint(from, Number(fromPort), family);
  const destination = endpoint(to, Number(toPort), family);
  if (source === null || destination === null) {
    return broken('the line of the PROXY protocol header names no addresses');
  }
  return done({ length, command: 'proxy', endpoints: { source, destination } });
}

function endpoint(text: string, port: number, family: string | undefined): Endpoint | null {
  const bytes = parseIp(text);
  if (bytes === null || (bytes.length === 4) !== (family === '4') || !(port <= 0xffff)) return null;
  return { address: formatIp(bytes), port };
}

function readBlock(bytes: Buffer): ProxyHeaderStep {
  const command = bytes[12]!;
  const family = bytes[13]! >> 4;
  const transport = bytes[13]! & 0x0f;
  const length = V2_FIXED_BYTES + bytes.readUInt16BE(14);
  if (command >> 4 !== 2) return broken(`the PROXY protocol has no version ${command >> 4}`);
  if (command !== LOCAL && command !== PROXY) {
    return broken(`the PROXY protocol has no command ${command & 0x0f}`);
  }
  if (length > PROXY_HEADER_BYTES_MAX)
    return broken(`a PROXY protocol header of ${length} bytes is too long`);
  if (command === LOCAL) {
    // What a balancer says of its own connection is to be skipped, whatever it is.
    return bytes.length < length ? MORE : done({ length, command: 'local', endpoints: null });
  }
  const addressBytes = ADDRESS_BYTES[family];
  if (addressBytes === undefined || transport > 2) return broken('the PROXY protocol has no such family');
  if (length < V2_FIXED_BYTES + addressBytes)
    return broken('the PROXY protocol header has no room for addresses');
  if (bytes.length < length) return MORE;
  const block = bytes.subarray(0, length);
  const fault = family === 0 ? null : extensionFault(block, V2_FIXED_BYTES + addressBytes);
  if (fault !== null) return broken(fault);
  const size = family === 1 ? 4 : 16;
  const hasIp = (family === 1 || family === 2) && transport === STREAM;
  return done({
    length,
    command: 'proxy',
    endpoints: hasIp ? endpointsAt(block, V2_FIXED_BYTES, size) : null,
  });
}

function endpointsAt(block: Buffer, at: number, size: 4 | 16): ProxiedEndpoints {
  const portsAt = at + 2 * size;
  return {
    source: { address: formatIp(block.subarray(at, at + size)), port: block.readUInt16BE(portsAt) },
    destination: {
      address: formatIp(block.subarray(at + size, portsAt)),
      port: block.readUInt16BE(portsAt + 2),
    },
  };
}

/** Walks the extensions behind the addresses: type (1), length (2), value. Only the checksum is minded. */
function extensionFault(block: Buffer, from: number): string | null {
  for (let at = from; at < block.length; ) {
    const valueAt = at + 3;
    const end = valueAt > block.length ? block.length + 1 : valueAt + block.readUInt16BE(at + 1);
    if (end > block.length) return 'an extension of the PROXY protocol header goes beyond its end';
    if (block[at] === CRC32C && !checksumHolds(block, valueAt, end)) {
      return 'the checksum of the PROXY protocol header is wrong';
    }
    at = end;
  }
  return null;
}

/** The checksum is over the whole header, its own four bytes taken as zeros. */
function checksumHolds(block: Buffer, valueAt: number, end: number): boolean {
  if (end - valueAt !== 4) return false;
  const zeroed = Buffer.from(block).fill(0, valueAt, end);
  return crc32c(zeroed) === block.readUInt32BE(valueAt);
}

/** Both forms of known endpoints; null where an address is none. IPv4 beside IPv6 is written as IPv6. */
function packed({ source, destination }: ProxiedEndpoints): { line: string; block: Buffer } | null {
  const from = parseIp(source.address);
  const to = parseIp(destination.address);
  if (from === null || to === null) return null;
  const isIpv4 = from.length === 4 && to.length === 4;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  const addresses = [from, to].map((bytes) => (isIpv4 ? bytes : asIpv6(bytes)));
  const names = [source, destination].map(({ address }) =>
    isIpv4 || address.includes(':') ? address : `::ffff:${address}`,
  );
  return {
    line: `TCP${isIpv4 ? 4 : 6} ${names.join(' ')} ${source.port} ${destination.port}`,
    block: Buffer.concat([...addresses, ports]),
  };
}

function done(header: ProxyHeader): ProxyHeaderStep {
  return { step: 'done', header };
}

function broken(reason: string): ProxyHeaderStep {
  return { step: 'broken', reason };
}
