/** A range of IP addresses, written as CIDR ("10.0.0.0/8") or as one address. */
import { asIpv6, parseIp } from './ip-address.ts';

export interface IpNetwork {
  /** Sixteen: IPv4 stands as IPv6 shows it, so that a peer is found whichever way its socket names it. */
  readonly bytes: Buffer;
  /** How many of its bits count, from the first on. */
  readonly bits: number;
}

const IPV4_OFFSET_BITS = 96;

/** Null for what is no network, or has bits set behind its length: then the length is hardly what was meant. */
export function parseNetwork(text: string): IpNetwork | null {
  const [, address = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const given = parseIp(address);
  if (given === null) return null;
  const bytes = asIpv6(given);
  const offset = given.length === 4 ? IPV4_OFFSET_BITS : 0;
  const bits = length === undefined ? 128 : Number(length) + offset;
  if (bits > 128 || hasBitsFrom(bytes, bits)) return null;
  return { bytes, bits };
}

/** False for what is no address. A zone behind "%" is not looked at. */
export function isWithin(networks: readonly IpNetwork[], address: string): boolean {
  const given = parseIp(address.replace(/%.*$/, ''));
  if (given === null) return false;
  const bytes = asIpv6(given);
  return networks.some((network) => !differsBefore(bytes, network));
}

function differsBefore(address: Buffer, { bytes, bits }: IpNetwork): boolean {
  const whole = bits >> 3;
  if (address.compare(bytes, 0, whole, 0, whole) !== 0) return true;
  const mask = 0xff & (0xff00 >> (bits & 7));
  return mask !== 0 && ((address[whole]! ^ bytes[whole]!) & mask) !== 0;
}

function hasBitsFrom(bytes: Buffer, bits: number): boolean {
  return bytes.some((byte, index) => (byte & (0xff >> Math.min(8, Math.max(0, bits - 8 * index)))) !== 0);
}
