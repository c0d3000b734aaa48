/**
 * Sessions recorded on a real server, replayed through the readers: whole, and in pieces. What they say was
 * read by two other libraries when they were recorded (test/fixtures/capture.ts).
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../harness/random.ts';
import { takeSeed } from '../harness/seed.ts';
import {
  Conversation,
  capabilitiesOf,
  cutAt,
  cutAtRandom,
  ReplayedSession,
  summaryOf,
} from '../harness/wire-replay.ts';
import { type RecordedSession, type Run, readCaptures, type Turn } from '../harness/wire-session.ts';

/** Of a longer run every byte up to here is tried, and some of the others. */
const CUTS_MAX = 2048;
const MORE_CUTS = 200;
const RANDOM_CUTTINGS = 5;

const seed = takeSeed('captures');
const captures = [...readCaptures()].flatMap(([file, capture]) =>
  capture.sessions.map((session) => ({ name: `${file}: ${session.name}`, session })),
);

it('has recordings of every command that a server answers', () => {
  const types = new Set(captures.flatMap(({ session }) => expectedOf(session)).map(({ type }) => type));
  const wanted = [
    1, 2, 3, 4, 9, 0xa, 0xc, 0xd, 0xe, 0x11, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1f, 0xfa,
  ];
  expect(wanted.filter((type) => !types.has(type))).toEqual([]);
  expect(captures.length).toBeGreaterThan(35);
});

describe.each(captures)('$name', ({ session }) => {
  const runs = allRuns(session);

  it('is read whole', () => expectSession(replay(runs), session));

  it('is read byte by byte', () => {
    const bytes = runs.flatMap(({ from, bytes }) =>
      Array.from(bytes, (_, at) => ({ from, bytes: bytes.subarray(at, at + 1) })),
    );
    expectSession(replay(bytes), session);
  });

  it('is read in pieces of any length', () => {
    const random = createRandom(seed);
    for (let time = 0; time < RANDOM_CUTTINGS; time += 1) {
      expectSession(replay(cutAtRandom(runs, random, random.pick([3, 40, 2000]))), session);
    }
  });

  it('is read split at every byte, and no reply ends before its last one', () => {
    const capabilities = capabilitiesOf(BigInt(`0x${session.login.expected.capabilities}`));
    for (const turn of session.turns) {
      turn.runs.forEach((run, index) => {
        for (const at of cutsOf(run)) {
          const conversation = new Conversation(capabilities);
          for (const before of turn.runs.slice(0, index)) conversation.feed(before);
          const [head, tail] = cutAt(run, at) as [Run, Run];
          conversation.feed(head);
          const isEnd = run.from === 'server' && index === turn.runs.length - 1 && turn.exchanges.length > 0;
          if (isEnd && conversation.replies.pending !== 1) expect.fail(`the reply ends before byte ${at}`);
          conversation.feed(tail);
          for (const after of turn.runs.slice(index + 1)) conversation.feed(after);
          expectTurn(conversation, turn, at);
        }
      });
    }
  });
});

describe.each(captures)('the login of $name', ({ session }) => {
  it('is read split at every byte', () => {
    const { runs } = session.login;
    runs.forEach((run, index) => {
      for (let at = 1; at < run.bytes.length; at += 1) {
        const replayed = replay([...runs.slice(0, index), ...cutAt(run, at), ...runs.slice(index + 1)]);
        expectLogin(replayed, session);
      }
    });
  });
});

function replay(runs: readonly Run[]): ReplayedSession {
  const replayed = new ReplayedSession();
  for (const run of runs) replayed.feed(run);
  return replayed;
}

function expectSession(replayed: ReplayedSession, session: RecordedSession): void {
  expectLogin(replayed, session);
  const { conversation } = replayed;
  if (session.login.expected.outcome === 'refused') {
    expect(conversation).toBeNull();
    return;
  }
  expect(conversation?.lost).toBeNull();
  expect(conversation?.answered.map(summaryOf)).toEqual(expectedOf(session));
  expect(conversation?.unsolicited).toEqual(session.turns.flatMap(({ unsolicited }) => unsolicited));
  expect(conversation?.atRest).toBe(true);
}

function expectLogin({ step }: ReplayedSession, session: RecordedSession): void {
  const { outcome, capabilities, ...expected } = session.login.expected;
  if (step.step !== outcome) expect(step).toMatchObject({ step: outcome });
  if (step.step !== 'done') return;
  const { greeting, collation, database, status, capabilities: agreed } = step.agreement;
  const { serverVersion, connectionId } = greeting;
  const read = { serverVersion, connectionId, collation, database, status, agreed };
  const wanted = { ...expected, agreed: capabilitiesOf(BigInt(`0x${capabilities}`)) };
  // Cheap first: this is asked at every byte.
  if (!isDeepStrictEqual(read, wanted)) expect(read).toEqual(wanted);
}

function expectTurn(conversation: Conversation, turn: Turn, at: number): void {
  if (conversation.atRest && isDeepStrictEqual(conversation.answered.map(summaryOf), turn.exchanges)) return;
  expect(conversation.lost, `cut at ${at}`).toBeNull();
  expect(conversation.answered.map(summaryOf), `cut at ${at}`).toEqual(turn.exchanges);
  expect(conversation.atRest, `cut at ${at}`).toBe(true);
}

function expectedOf(session: RecordedSession) {
  return session.turns.flatMap(({ exchanges }) => exchanges);
}

function allRuns(session: RecordedSession): Run[] {
  return [...session.login.runs, ...session.turns.flatMap((turn) => turn.runs)];
}

function cutsOf({ bytes }: Run): number[] {
  const first = Array.from({ length: Math.min(bytes.length, CUTS_MAX) - 1 }, (_, index) => index + 1);
  if (bytes.length <= CUTS_MAX) return first;
  const random = createRandom(seed);
  return [...first, ...Array.from({ length: MORE_CUTS }, () => random.integer(CUTS_MAX, bytes.length - 1))];
}
