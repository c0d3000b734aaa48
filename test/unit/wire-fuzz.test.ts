/**
 * Bytes that make no sense, from a printed seed: nothing throws, nothing is read or written beside the bytes
 * that were given, nothing is kept beyond its bound, and how the bytes are cut changes nothing.
 */
import { describe, expect, it } from 'vitest';
import { readChangeUser } from '../../src/wire/change-user-packet.ts';
import { readExecute } from '../../src/wire/execute-packet.ts';
import { readAndMaskGreeting } from '../../src/wire/greeting.ts';
import { readHandshakeResponse } from '../../src/wire/handshake-response.ts';
import { PacketAssembler } from '../../src/wire/packet-assembler.ts';
import { queryTextAt } from '../../src/wire/query-packet.ts';
import {
  writeChangeUser,
  writeExecute,
  writeGreeting,
  writeQuery,
  writeResponse,
} from '../harness/library-commands.ts';
import { createRandom, type Random } from '../harness/random.ts';
import { takeSeed } from '../harness/seed.ts';
import {
  Conversation,
  capabilitiesOf,
  cutAtRandom,
  ReplayedSession,
  summaryOf,
} from '../harness/wire-replay.ts';
import { type Run, readCaptures } from '../harness/wire-session.ts';

const SESSIONS = 600;
const PAYLOADS = 4000;
const KEEP_BYTES = 200;
const GUARD = 16;

const seed = takeSeed('fuzz');
const sessions = [...readCaptures().values()].flatMap((capture) => capture.sessions);

/** Changes a few bytes, takes some away, or puts some in. */
function mutated(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = random.heavyTailed(1, 20, 1); changes > 0 && result.length > 0; changes -= 1) {
    const at = random.integer(0, result.length - 1);
    const end = Math.min(result.length, at + random.heavyTailed(1, 200, 1));
    const how = random.integer(0, 3);
    if (how === 0) result[at] = random.integer(0, 255);
    else if (how === 1) result[at] = random.pick([0, 1, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff]);
    else if (how === 2) result = Buffer.concat([result.subarray(0, at), result.subarray(end)]);
    else result = Buffer.concat([result.subarray(0, end), result.subarray(at)]);
  }
  return result;
}

/** The bytes as a view into a larger buffer that is filled with `guard`. */
function guarded(bytes: Buffer, guard: number): { view: Buffer; intact: () => boolean } {
  const whole = Buffer.alloc(bytes.length + 2 * GUARD, guard);
  bytes.copy(whole, GUARD);
  const view = whole.subarray(GUARD, GUARD + bytes.length);
  const outside = () => [...whole.subarray(0, GUARD), ...whole.subarray(GUARD + bytes.length)];
  return { view, intact: () => outside().every((byte) => byte === guard) };
}

function guardedRuns(runs: readonly Run[], guard: number): Run[] {
  return runs.map(({ from, bytes }) => ({ from, bytes: guarded(bytes, guard).view }));
}

const converse = (capabilities: bigint, runs: readonly Run[]): Conversation =>
  new Conversation(capabilitiesOf(capabilities), KEEP_BYTES).feedAll(runs);

function findings(conversation: Conversation) {
  const { lost, unsolicited, answered, commands, replies } = conversation;
  const payloads = commands.map(({ payload, length }) => `${length} ${payload.toString('hex')}`);
  return { lost, unsolicited, pending: replies.pending, payloads, answered: answered.map(summaryOf) };
}

describe('the readers', () => {
  it('find the same in broken sessions however they are cut, and keep no more than they may', () => {
    const random = createRandom(seed);
    let lost = 0;
    for (let count = 0; count < SESSIONS; count += 1) {
      const session = random.pick(sessions.filter(({ turns }) => turns.length > 0));
      const capabilities = BigInt(`0x${session.login.expected.capabilities}`);
      const from = random.integer(0, session.turns.length - 1);
      const turns = session.turns.slice(from, from + random.integer(1, 4));
      const runs = turns
        .flatMap((turn) => turn.runs)
        .map((run) => (random.chance(0.5) ? { from: run.from, bytes: mutated(run.bytes, random) } : run));
      const whole = findings(converse(capabilities, guardedRuns(runs, 0x00)));
      const pieces = cutAtRandom(runs, random, random.pick([1, 5, 100]));
      const cut = converse(capabilities, guardedRuns(pieces, 0xff));
      expect(findings(cut), `session ${count}`).toEqual(whole);
      for (const { payload } of cut.commands) {
        expect(payload.length).toBeLessThanOrEqual(KEEP_BYTES);
        expect(payload.buffer.byteLength).toBeLessThanOrEqual(Math.max(8192, 4 * KEEP_BYTES));
      }
      if (whole.lost !== null) lost += 1;
    }
    // Otherwise the mutations would be too tame to show anything.
    expect(lost).toBeGreaterThan(SESSIONS / 10);
    expect(lost).toBeLessThan(SESSIONS);
  });

  it('take noise', () => {
    const random = createRandom(seed + 1);
    const sides = ['client', 'server'] as const;
    for (let count = 0; count < SESSIONS; count += 1) {
      const capabilities = BigInt(random.integer(0, 0xffff_ffff)) | (BigInt(random.integer(0, 0x3f)) << 32n);
      const runs = Array.from({ length: 20 }, () => {
        const payload = random.bytes(random.integer(0, 30));
        const length = random.chance(0.8) ? payload.length : random.integer(0, 0xff_ffff);
        const header = Buffer.of(length & 0xff, (length >> 8) & 0xff, length >> 16, random.integer(0, 2));
        if (payload.length > 0 && random.chance(0.7))
          payload[0] = random.pick([0, 1, 3, 0xfb, 0xfe, 0xff, 0x16, 0x17]);
        return { from: random.pick(sides), bytes: Buffer.concat([header, payload]) };
      });
      const whole = findings(converse(capabilities, guardedRuns(runs, 0x00)));
      const pieces = cutAtRandom(runs, random, 7);
      expect(findings(converse(capabilities, guardedRuns(pieces, 0xff))), `noise ${count}`).toEqual(whole);
    }
  });

  it('take broken logins', () => {
    const random = createRandom(seed + 2);
    const steps = new Set<string>();
    for (let count = 0; count < SESSIONS; count += 1) {
      const { login, turns } = random.pick(sessions);
      const runs = [...login.runs, ...turns.slice(0, 1).flatMap((turn) => turn.runs)].map((run) =>
        random.chance(0.3) ? { from: run.from, bytes: mutated(run.bytes, random) } : run,
      );
      const outcomes = [runs, cutAtRandom(runs, random, 9)].map((pieces) => outcomeOf(pieces));
      expect(outcomes[1], `login ${count}`).toEqual(outcomes[0]);
      steps.add(outcomes[0]?.step ?? '');
    }
    expect([...steps].sort()).toEqual(expect.arrayContaining(['broken', 'done', 'go_on', 'refused']));
  });
});

function outcomeOf(runs: readonly Run[]) {
  const session = new ReplayedSession();
  try {
    for (const run of runs) session.feed(run);
  } catch (error) {
    // Of an announced length only: whatever is cut, it ends the session.
    expect(error).toMatchObject({ message: 'a packet is too long for a login' });
    return { step: 'too_long' };
  }
  const { step, conversation } = session;
  // Where both sides send nonsense behind the login, the cuts decide whose is met first.
  const found = conversation === null || conversation.lost !== null ? 'nothing' : findings(conversation);
  return { ...step, lost: conversation?.lost !== null, found };
}

describe('the packet assembler', () => {
  it('gives every packet, whatever the pieces, and takes a payload byte by byte at little cost', () => {
    const random = createRandom(seed + 3);
    const payload = random.bytes(50_000);
    const packet = Buffer.concat([Buffer.of(0x50, 0xc3, 0, 7), payload]);
    const stream = Buffer.concat([packet, Buffer.of(0, 0, 0, 8), packet.subarray(0, 10)]);
    for (const pieceMax of [1, 3000, stream.length]) {
      const assembler = new PacketAssembler(1 << 20);
      const found: [number, Buffer][] = [];
      for (const piece of cutAtRandom([{ from: 'client', bytes: stream }], random, pieceMax)) {
        assembler.push(piece.bytes);
        for (let next = assembler.next(); next !== null && next !== 'too_long'; next = assembler.next()) {
          expect(next.bytes.subarray(4).equals(next.payload)).toBe(true);
          found.push([next.sequence, next.payload]);
        }
      }
      expect(found).toEqual([
        [7, payload],
        [8, Buffer.alloc(0)],
      ]);
      expect(assembler.rest()).toEqual(packet.subarray(0, 10));
      expect(assembler.rest()).toEqual(Buffer.alloc(0));
    }
  });

  it('refuses what is announced too long, before it came', () => {
    const assembler = new PacketAssembler(100);
    assembler.push(Buffer.of(101, 0, 0, 0));
    expect(assembler.next()).toBe('too_long');
    const full = new PacketAssembler(0xff_ffff);
    full.push(Buffer.of(0xff, 0xff, 0xff, 0));
    expect(full.next()).toBe('too_long');
  });
});

describe('a payload', () => {
  const login = {
    flags: 0x3f_a28d,
    user: 'u',
    password: 'p',
    database: 'd',
    charsetNumber: 45,
    attributes: { a: 'b' },
  };
  const greeting = { serverVersion: '8.4.5', capabilityFlags: 0xffff_ffff, connectionId: 7, statusFlags: 2 };
  const values = [1, 'two', null, Buffer.alloc(300), new Date(0), true, 1e300];
  const attributes = { a: 'x', b: 7, c: null };
  const options = (random: Random) => ({
    parameterCount: random.integer(0, 9),
    boundTypes: random.chance(0.5) ? null : random.bytes(18),
    longData: new Set([random.integer(0, 9)]),
    queryAttributes: random.chance(0.5),
  });

  it.each([
    ['of a query', [writeQuery('SELECT 1', attributes), writeQuery('', {})], readAsQuery],
    ['of an execution', [writeExecute(1, values, null), writeExecute(1, values, attributes)], readAsExecute],
    ['of COM_CHANGE_USER', [writeChangeUser(login)], (payload: Buffer) => readChangeUser(payload)],
    ['of a greeting', [writeGreeting(greeting)], (payload: Buffer) => readAndMaskGreeting(payload)],
    ['of an answer to it', [writeResponse(login)], (payload: Buffer) => readHandshakeResponse(payload)],
  ] as [string, Buffer[], (payload: Buffer, random: Random) => unknown][])(
    '%s may be anything',
    (_name, seeds, read) => {
      const random = createRandom(seed + 4);
      let refused = 0;
      for (let count = 0; count < PAYLOADS; count += 1) {
        const bytes = random.chance(0.8)
          ? mutated(random.pick(seeds), random)
          : random.bytes(random.integer(0, 60));
        const draws = random.integer(0, 0xffff_ffff);
        const [low, high] = [0x00, 0xff].map((guard) => {
          const { view, intact } = guarded(bytes, guard);
          const found = read(view, createRandom(draws));
          if (!intact()) expect.fail(`payload ${count} was written beside`);
          return found;
        });
        if (JSON.stringify(low) !== JSON.stringify(high)) expect(low, `payload ${count}`).toEqual(high);
        if (low === null || low === -1) refused += 1;
      }
      expect(refused).toBeGreaterThan(0);
      expect(refused).toBeLessThan(PAYLOADS);
    },
  );

  function readAsQuery(payload: Buffer, random: Random): number {
    const at = queryTextAt(payload, capabilitiesOf(random.chance(0.2) ? 0n : 0x800_0000n));
    expect(at).toBeLessThanOrEqual(Math.max(1, payload.length));
    return at;
  }

  function readAsExecute(payload: Buffer, random: Random): unknown {
    const given = options(random);
    const packet = readExecute(payload, given);
    if (packet === null) return null;
    const again = packet.payloadFor(5);
    // No span reaches beside the payload, so nothing of the guard is in it.
    expect(again.length).toBeLessThanOrEqual(payload.length + 12 + 3 * given.parameterCount);
    const ordinals = Array.from({ length: given.parameterCount + 1 }, (_, ordinal) => ordinal);
    return { keys: ordinals.map((ordinal) => packet.keyText(ordinal)), again: again.toString('hex') };
  }
});
