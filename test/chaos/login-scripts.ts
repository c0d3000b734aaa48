/** Logins by dice, from either side: in good form first, with fields that no library would send, and then bent. */
import { CAPABILITY } from '../../src/wire/capabilities.ts';
import { int, lenenc, lenencText, ok, packets } from '../harness/packet-writer.ts';
import type { Random } from '../harness/random.ts';
import { greeting, OFFERED_LEAST, response } from './scripted-sessions.ts';
import { mutateBytes } from './session-mutation.ts';

const LONGEST_TEXT = 70_000;
const ATTRIBUTES_LONGEST = 64 * 1024;
const JUNK_MAX = 3000;

const PLUGINS = [
  'mysql_native_password',
  'caching_sha2_password',
  'sha256_password',
  'mysql_clear_password',
  'client_ed25519',
  'dialog',
  '',
  'no such plugin',
];

/** Who is refused by the obliging server, and who is not. */
const USERS = ['flood', 'flood', 'flood', 'nobody'];

export interface ClientScript {
  /** Sent before anything else: a PROXY protocol header, or what is none. */
  readonly header: Buffer | null;
  /** Whether the client speaks without waiting for the greeting. */
  readonly manner: 'waits' | 'early';
  /** `junk`: asks for TLS, and then sends no TLS; `tls`: asks, and begins it. */
  readonly request: 'none' | 'junk' | 'tls';
  /** Its answer to the greeting, header and all; number 1, or 2 behind a request for TLS. */
  readonly answer: Buffer;
  /** What it says when it is asked for more, each payload once. */
  readonly more: readonly Buffer[];
  /** Once it has said everything: `stays` until it is sent away or given up. */
  readonly ending: 'stays' | 'ends' | 'resets';
}

export interface ScriptFeatures {
  /** TLS is to be had. */
  readonly tls: boolean;
  /** A header of the PROXY protocol, in good form, for clients that come by a balancer; null: they come directly. */
  readonly header: Buffer | null;
}

export function makeClientScript(random: Random, { tls, header }: ScriptFeatures): ClientScript {
  const request = random.pick(tls ? (['none', 'junk', 'tls'] as const) : (['none', 'none', 'junk'] as const));
  const wellFormed = random.chance(0.25) ? response(random.pick(USERS), OFFERED_LEAST) : anyResponse(random);
  const packet = packets(wellFormed, request === 'tls' ? 2 : 1);
  return {
    header: header === null || random.chance(0.5) ? header : mutateBytes(header, random),
    manner: random.chance(0.1) ? 'early' : 'waits',
    request,
    answer: random.chance(0.5) ? mutateBytes(packet, random) : packet,
    more: Array.from({ length: 3 }, () => random.bytes(random.heavyTailed(0, JUNK_MAX, 0.5))),
    ending: random.pick(['stays', 'ends', 'ends', 'ends', 'resets', 'resets']),
  };
}

/** https://mariadb.com/kb/en/connection/#client-handshake-response: fields of any length, and bits that may not go with them. */
function anyResponse(random: Random): Buffer {
  const bits = random.chance(0.6)
    ? CAPABILITY.PLUGIN_AUTH | CAPABILITY.CONNECT_ATTRS
    : random.integer(0, 0xffff_ffff);
  const base =
    (bits | (random.chance(0.9) ? CAPABILITY.PROTOCOL_41 | CAPABILITY.SECURE_CONNECTION : 0)) >>> 0;
  const has = (bit: number): boolean => (base & bit) !== 0;
  const parts = [
    int(4, base),
    int(4, random.pick([0, 1 << 24, 0xffff_ffff])),
    Buffer.of(random.integer(0, 255)),
    random.bytes(23),
    nulText(anyText(random, random.pick(USERS))),
    anyAuthentication(random, has),
  ];
  if (has(CAPABILITY.CONNECT_WITH_DB)) parts.push(nulText(anyText(random, 'd')));
  if (has(CAPABILITY.PLUGIN_AUTH)) parts.push(nulText(anyText(random, random.pick(PLUGINS))));
  if (has(CAPABILITY.CONNECT_ATTRS)) parts.push(anyAttributes(random));
  return Buffer.concat(parts);
}

function anyAuthentication(random: Random, has: (bit: number) => boolean): Buffer {
  const bytes = random.bytes(random.pick([0, 1, 20, 32, 255]));
  if (has(CAPABILITY.PLUGIN_AUTH_LENENC_DATA))
    return random.chance(0.8) ? lenencText(bytes) : lyingLength(random, bytes);
  return has(CAPABILITY.SECURE_CONNECTION) ? Buffer.concat([Buffer.of(bytes.length), bytes]) : nulText(bytes);
}

/** Up to 64 KiB of them, in one pair or in thousands. */
function anyAttributes(random: Random): Buffer {
  const size = random.heavyTailed(10, ATTRIBUTES_LONGEST, 0.3);
  const value = lenencText(Buffer.alloc(random.chance(0.5) ? size : 3, 0x61));
  const pair = Buffer.concat([lenencText('name'), value]);
  const pairs = Buffer.alloc(Math.max(size, pair.length), pair);
  return random.chance(0.8) ? lenencText(pairs) : lyingLength(random, pairs);
}

/** A length that goes beyond the packet, beyond what a number holds, or that none begins with. */
function lyingLength(random: Random, bytes: Buffer): Buffer {
  const lies = [
    lenenc(bytes.length + 1),
    lenenc(0xff_ffff),
    lenenc(0x1_0000_0000n),
    lenenc(0xffff_ffff_ffff_ffffn),
    Buffer.of(0xfb),
    Buffer.of(0xff),
    Buffer.of(0xfe, 1),
  ];
  return Buffer.concat([random.pick(lies), bytes]);
}

function anyText(random: Random, usual: string): string | Buffer {
  if (random.chance(0.7)) return usual;
  return random.chance(0.5)
    ? random.bytes(random.integer(0, 300))
    : 'x'.repeat(random.integer(0, LONGEST_TEXT));
}

const nulText = (text: string | Buffer): Buffer => Buffer.concat([Buffer.from(text), Buffer.of(0)]);

/** A request for TLS, and what is no TLS behind it in the same breath. */
export function tlsRequest(junk: Buffer = Buffer.alloc(0)): Buffer {
  const base = OFFERED_LEAST.base | CAPABILITY.SSL;
  return Buffer.concat([packets(Buffer.concat([int(4, base), int(4, 0), Buffer.alloc(24)]), 1), junk]);
}

export interface ServerScript {
  readonly greeting: Buffer;
  /** One after each packet of the client; what comes behind them is not answered. */
  readonly replies: readonly Buffer[];
  readonly ending: 'stays' | 'ends' | 'resets';
}

export function makeServerScript(random: Random): ServerScript {
  const bent = (bytes: Buffer): Buffer => (random.chance(0.4) ? mutateBytes(bytes, random) : bytes);
  const replies = Array.from({ length: random.integer(0, 4) }, (_, index) =>
    bent(packets(anyReply(random), 2 + 2 * index)),
  );
  return {
    greeting: bent(packets(anyGreeting(random), 0)),
    replies,
    ending: random.pick(['stays', 'ends', 'resets']),
  };
}

function anyGreeting(random: Random): Buffer {
  const dice = random.next();
  if (dice < 0.6) return greeting();
  if (dice < 0.7) return Buffer.concat([Buffer.of(0xff), int(2, 1129), Buffer.from('Host is blocked')]);
  if (dice < 0.8) return Buffer.concat([Buffer.of(9), Buffer.from('4.0.0\0'), Buffer.alloc(20)]);
  if (dice < 0.9) return greeting().subarray(0, random.integer(0, greeting().length));
  return random.bytes(random.integer(0, JUNK_MAX));
}

function anyReply(random: Random): Buffer {
  const dice = random.next();
  if (dice < 0.3) return ok({ status: random.integer(0, 0xffff) });
  if (dice < 0.4) return Buffer.concat([Buffer.of(0xff), int(2, random.integer(0, 0xffff))]);
  const scramble = random.bytes(21);
  if (dice < 0.7)
    return Buffer.concat([Buffer.of(0xfe), nulText(anyText(random, random.pick(PLUGINS))), scramble]);
  if (dice < 0.9) return Buffer.concat([Buffer.of(1), random.bytes(random.pick([0, 1, 500, 20_000]))]);
  return random.bytes(random.integer(0, JUNK_MAX));
}
