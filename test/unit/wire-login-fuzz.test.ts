/** The readers of a login, fed with what nobody would send: they never throw, and hold no more than they may. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readChangeUser } from '../../src/wire/change-user-packet.ts';
import { readAndMaskGreeting } from '../../src/wire/greeting.ts';
import { readHandshakeResponse } from '../../src/wire/handshake-response.ts';
import type { LoginStep, LoginTls } from '../../src/wire/login.ts';
import { LOGIN_PAYLOAD_MAX, LoginPhase, type Side } from '../../src/wire/login-phase.ts';
import { MixedAuthentication } from '../../src/wire/mixed-authentication.ts';
import { PROXY_HEADER_BYTES_MAX, readProxyHeader, writeProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { writeGreeting, writeResponse } from '../harness/library-commands.ts';
import { int, ok, packets } from '../harness/packet-writer.ts';
import { takeSeed } from '../harness/seed.ts';

fc.configureGlobal({ seed: takeSeed('login fuzz') | 0, numRuns: 2000 });

const TLS = 0x800;
/** Bits as they come, and those of a usual client. */
const bits = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0x000f_a28d, 0x000f_aa8d));

const greetings = fc
  .record({ serverVersion: fc.string({ maxLength: 30 }), capabilityFlags: bits, connectionId: bits })
  .map((fields) => writeGreeting({ ...fields, serverVersion: `8${fields.serverVersion}`, statusFlags: 2 }));

const responses = fc
  .record({
    flags: bits,
    user: fc.string({ maxLength: 40 }),
    password: fc.string({ maxLength: 10 }),
    database: fc.string({ maxLength: 40 }),
    attributes: fc.dictionary(fc.string({ minLength: 1, maxLength: 9 }), fc.string(), { maxKeys: 5 }),
  })
  .map((fields) => writeResponse({ ...fields, charsetNumber: 45 }));

const noise = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes));

/** Bytes set, cut off and put in: enough to spoil each field at each of its edges. */
function bent(whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const change = fc.record({
    at: fc.nat(400),
    value: fc.constantFrom(0, 1, 0x7f, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff),
    how: fc.constantFrom('set' as const, 'cut' as const, 'insert' as const),
  });
  return fc
    .tuple(whole, fc.oneof(fc.constant([]), fc.array(change, { maxLength: 4 })))
    .map(([bytes, changes]) =>
      changes.reduce((result, { at, value, how }) => {
        const place = result.length === 0 ? 0 : at % result.length;
        if (how === 'cut') return result.subarray(0, place);
        const copy = Buffer.from(result);
        if (how === 'insert')
          return Buffer.concat([copy.subarray(0, place), Buffer.of(value), copy.subarray(place)]);
        if (copy.length > 0) copy[place] = value;
        return copy;
      }, bytes),
    );
}

const tlsSettings: fc.Arbitrary<LoginTls> = fc.record({
  client: fc.constantFrom('none', 'offered', 'required'),
  server: fc.boolean(),
});

/** Asks for TLS; what follows is fed as it comes out of it. */
const REQUEST = Buffer.concat([int(4, 0x000f_a28d | TLS), Buffer.alloc(28)]);

/** A login in turn, each payload in good form or bent, under its number or another. */
const conversations = fc
  .tuple(
    bent(greetings),
    fc.boolean(),
    bent(responses),
    fc.array(bent(fc.oneof(noise, fc.constant(ok()), fc.constant(Buffer.of(0xfe)))), { maxLength: 4 }),
    fc.oneof(fc.constant(-1), fc.nat(6)),
  )
  .map(([greeting, asks, response, more, wrongAt]) => {
    const turns: [Side, Buffer][] = [
      ['server', greeting],
      ...(asks ? [['client', REQUEST] as [Side, Buffer]] : []),
      ['client', response],
      ...more.map((payload, index): [Side, Buffer] => [index % 2 === 0 ? 'server' : 'client', payload]),
    ];
    return turns.map(([side, payload], index) => ({
      side,
      bytes: packets(payload, index === wrongAt ? index + 1 : index),
    }));
  });

interface Played {
  readonly steps: LoginStep['step'][];
  readonly forwarded: string;
  readonly errorSequence: number;
}

/** Feeds it in chunks of `size` bytes, until it comes to an end. */
function play(tls: LoginTls, turns: readonly { side: Side; bytes: Buffer }[], size: number): Played {
  const login = new LoginPhase(tls);
  const forwarded: Buffer[] = [];
  const steps: LoginStep['step'][] = [];
  for (const { side, bytes } of turns) {
    for (let at = 0; at < bytes.length; at += size) {
      const chunk = Buffer.from(bytes.subarray(at, at + size));
      let { step } = login.push(side, chunk, (packet) => forwarded.push(Buffer.from(packet)));
      if (step === 'server_tls') {
        steps.push(step);
        step = login.serverSecured((packet) => forwarded.push(Buffer.from(packet))).step;
      }
      if (step === 'go_on') continue;
      steps.push(step);
      if (step === 'client_tls') continue;
      const { errorSequence } = login;
      return { steps, forwarded: Buffer.concat(forwarded).toString('hex'), errorSequence };
    }
  }
  return { steps, forwarded: Buffer.concat(forwarded).toString('hex'), errorSequence: login.errorSequence };
}

describe('a login of any bytes', () => {
  it('ends or goes on, the same however it is cut, and under a number that there is', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(tlsSettings, conversations, fc.integer({ min: 1, max: 40 }), (tls, turns, size) => {
        const whole = play(tls, turns, 1 << 20);
        expect(play(tls, turns, size)).toEqual(whole);
        expect(whole.errorSequence).toBeGreaterThanOrEqual(0);
        expect(whole.errorSequence).toBeLessThanOrEqual(0xff);
        for (const step of whole.steps) seen.add(step);
      }),
    );
    // The bytes were not so far off that everything ended at the first packet.
    expect([...seen]).toEqual(
      expect.arrayContaining(['broken', 'done', 'refused', 'client_tls', 'server_tls', 'tls_mixed']),
    );
  });

  it('that comes in a packet of any length holds no more than it may', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Side>('client', 'server'),
        fc.integer({ min: 0, max: 0xff_ffff }),
        (side, length) => {
          const login = new LoginPhase();
          if (side === 'client')
            login.push(
              'server',
              packets(
                writeGreeting({
                  serverVersion: '8',
                  capabilityFlags: 0xffff_ffff,
                  connectionId: 1,
                  statusFlags: 2,
                }),
                0,
              ),
              () => {},
            );
          const header = Buffer.from([
            length & 0xff,
            (length >> 8) & 0xff,
            length >> 16,
            side === 'client' ? 1 : 0,
          ]);
          const step = login.push(side, header, () => {});
          expect(step.step).toBe(length > LOGIN_PAYLOAD_MAX || length === 0 ? 'broken' : 'go_on');
        },
      ),
    );
  });
});

describe('the readers of a login’s packets', () => {
  it('take any bytes, and look at none beside them', () => {
    const guard = 8;
    fc.assert(
      fc.property(bent(fc.oneof(greetings, responses, noise)), fc.boolean(), (bytes, offerTls) => {
        const whole = Buffer.alloc(bytes.length + 2 * guard, 0xfe);
        bytes.copy(whole, guard);
        const view = whole.subarray(guard, guard + bytes.length);
        readHandshakeResponse(view);
        readChangeUser(view);
        expect(view.equals(bytes)).toBe(true);
        const greeting = readAndMaskGreeting(view, offerTls);
        expect([...whole.subarray(0, guard), ...whole.subarray(-guard)].every((byte) => byte === 0xfe)).toBe(
          true,
        );
        if (greeting === null) expect(view.equals(bytes)).toBe(true);
        const mixed = new MixedAuthentication('client_tls', 0xffff_ffff, null);
        mixed.fromServer(bytes);
        mixed.fromClient(bytes);
      }),
    );
  });
});

describe('a PROXY protocol header of any bytes', () => {
  const ends = fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.nat(0xffff) });
  const headers = fc
    .tuple(
      fc.constantFrom('v1' as const, 'v2' as const),
      fc.option(fc.record({ source: ends, destination: ends })),
    )
    .map(([version, endpoints]) => writeProxyHeader(version, endpoints));

  it('is read to its end, broken, or waited for within a bound; and never asks for more at the bound', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(bent(headers), fc.uint8Array({ maxLength: 20 }), (header, behind) => {
        const bytes = Buffer.concat([header, behind]);
        const step = readProxyHeader(bytes);
        seen.add(step.step);
        if (step.step === 'done') expect(step.header.length).toBeLessThanOrEqual(bytes.length);
        // What a part of it tells for good, the whole tells too.
        for (const cut of [1, 5, 13, 17, 40].filter((at) => at < bytes.length)) {
          const part = readProxyHeader(bytes.subarray(0, cut));
          if (part.step !== 'more') expect(step.step).toBe(part.step);
        }
        const full = Buffer.concat([bytes, Buffer.alloc(PROXY_HEADER_BYTES_MAX, 0x41)]);
        expect(readProxyHeader(full).step).not.toBe('more');
      }),
    );
    expect([...seen].sort()).toEqual(['broken', 'done', 'more']);
  });
});
