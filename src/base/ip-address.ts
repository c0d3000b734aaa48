/** IP addresses as bytes and as text. Node's own readers answer yes or no, but give no bytes. */

const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;
/** ::ffff:a.b.c.d, by which a socket of both families shows an IPv4 peer. */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/** Four bytes, or sixteen; null for what is no address. A zone (`%eth0`) is none of the address's. */
export function parseIp(text: string): Buffer | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** The shortest usual form (RFC 5952); an IPv4 address in IPv6's clothes is written as what it is. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const address = Buffer.from(bytes);
  if (address.subarray(0, 12).equals(MAPPED)) return address.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2).toString(16));
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.join(':');
  return `${groups.slice(0, run.start).join(':')}::${groups.slice(run.start + run.length).join(':')}`;
}

/** The address of a socket's peer as it is meant to be read: without zone, and IPv4 as IPv4. */
export function plainIp(text: string): string {
  const bytes = parseIp(text.replace(/%.*$/, ''));
  return bytes === null ? text : formatIp(bytes);
}

/** Sixteen bytes: IPv4 in IPv6's clothes. */
export function asIpv6(bytes: Buffer): Buffer {
  return bytes.length === 16 ? bytes : Buffer.concat([MAPPED, bytes]);
}

function parseIpv4(text: string): Buffer | null {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255)) return null;
  return Buffer.from(octets.map(Number));
}

function parseIpv6(text: string): Buffer | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : Buffer.alloc(0);
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return null;
  return Buffer.concat([head, Buffer.alloc(missing), tail]);
}

/** The last group of an address may be written as an IPv4 address. */
function parseGroups(text: string, isLast: boolean): Buffer | null {
  if (text === '') return Buffer.alloc(0);
  const parts: Buffer[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    const isDotted = isLast && index === groups.length - 1 && group.includes('.');
    const part = isDotted ? parseIpv4(group) : parseGroup(group);
    if (part === null) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function parseGroup(group: string): Buffer | null {
  return GROUP.test(group) ? Buffer.from(group.padStart(4, '0'), 'hex') : null;
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
