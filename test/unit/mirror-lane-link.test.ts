/** The wire of a lane over a socket made by hand, so that replies come in the pieces that the test wants. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LaneLink, type LinkEnd } from '../../src/mirror/lane-link.ts';
import { RowHash } from '../../src/mirror/row-hash.ts';
import { COM } from '../../src/wire/protocol.ts';

class FakeSocket extends Duplex {
  sent = Buffer.alloc(0);
  writes = 0;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.sent = Buffer.concat([this.sent, chunk]);
    this.writes++;
    done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.sent = Buffer.concat([this.sent, ...chunks.map(({ chunk }) => chunk)]);
    this.writes++;
    done();
  }
}

interface Rig {
  readonly socket: FakeSocket;
  readonly link: LaneLink;
  readonly ends: LinkEnd[];
  readonly answers: string[];
  clock: number;
  /** Sends a query; its answer is told by affected rows, `lost` or `error`. */
  ask(name: string, then?: () => void): void;
}

function createRig(): Rig {
  const socket = new FakeSocket();
  const ends: LinkEnd[] = [];
  const answers: string[] = [];
  const rig: Rig = {
    socket,
    ends,
    answers,
    clock: 100,
    link: new LaneLink(
      socket as unknown as Socket,
      7,
      () => rig.clock,
      (end) => ends.push(end),
    ),
    ask(name, then) {
      rig.link.send(query(name), (exchange) => {
        answers.push(
          `${name} ${exchange === null ? 'lost' : exchange.ok ? exchange.affectedRows : exchange.errno}`,
        );
        then?.();
      });
    },
  };
  return rig;
}

/** The end of this turn of the event loop, when what was sent in it goes out. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const query = (text: string): Buffer => Buffer.concat([Buffer.of(COM.QUERY), Buffer.from(text)]);
const packet = (sequence: number, ...bytes: number[]): Buffer =>
  Buffer.of(bytes.length, 0, 0, sequence, ...bytes);
const ok = (affectedRows: number): Buffer => packet(1, 0x00, affectedRows, 0, 2, 0, 0, 0);
const error = (errno: number): Buffer =>
  packet(1, 0xff, errno & 0xff, errno >> 8, 0x23, ...Buffer.from('HY000no'));

/** Gives the link bytes as the socket would. */
const receive = (rig: Rig, ...pieces: Buffer[]): void => {
  rig.socket.emit('data', Buffer.concat(pieces));
};

describe('a lane’s link', () => {
  it('frames commands, sends those of one turn in one write, and gives each its own reply', async () => {
    const rig = createRig();
    rig.ask('a');
    expect(rig.link.batching).toBe(true);
    rig.ask('b');
    await turn();
    expect(rig.link.batching).toBe(false);
    expect(rig.socket.writes).toBe(1);
    expect(rig.socket.sent).toEqual(Buffer.concat([packet(0, 3, 0x61), packet(0, 3, 0x62)]));
    expect(rig.link.pending).toBe(2);
    receive(rig, ok(5));
    receive(rig, error(1062));
    expect(rig.answers).toEqual(['a 5', 'b 1062']);
    expect(rig.link.pending).toBe(0);
  });

  it('keeps what is sent from a reply’s callback behind what waits already', () => {
    const rig = createRig();
    rig.ask('a', () => rig.ask('d'));
    rig.ask('b', () => rig.ask('e'));
    rig.ask('c');
    receive(rig, ok(1), ok(2), ok(3), ok(4), ok(5));
    expect(rig.answers).toEqual(['a 1', 'b 2', 'c 3', 'd 4', 'e 5']);
  });

  it('reads replies cut at every byte', () => {
    const bytes = Buffer.concat([ok(1), error(1213), ok(3)]);
    for (let at = 1; at < bytes.length; at++) {
      const rig = createRig();
      for (const name of ['a', 'b', 'c']) rig.ask(name);
      receive(rig, bytes.subarray(0, at));
      receive(rig, bytes.subarray(at));
      expect(rig.answers).toEqual(['a 1', 'b 1213', 'c 3']);
    }
  });

  it('feeds rows to the sink of their own command', () => {
    const rig = createRig();
    const hashes = [new RowHash(), new RowHash()];
    for (const hash of hashes) rig.link.send(query('rows'), () => rig.answers.push(`${hash.rows}`), hash);
    const eof = (sequence: number): Buffer => packet(sequence, 0xfe, 0, 0, 2, 0);
    const head = [packet(1, 1), packet(2, 3, 0x64, 0x65, 0x66), eof(3)];
    receive(
      rig,
      ...head,
      packet(4, 1, 0x61),
      packet(5, 1, 0x62),
      eof(6),
      ...head,
      packet(4, 1, 0x61),
      eof(5),
    );
    expect(rig.answers).toEqual(['2', '1']);
  });

  it('counts the wait from when the server could begin with a command', () => {
    const rig = createRig();
    expect(rig.link.waitingMs()).toBe(0);
    rig.ask('a');
    let began = -1;
    rig.link.send(query('b'), (exchange) => {
      began = exchange?.sentAtMs ?? -1;
    });
    rig.clock = 140;
    expect(rig.link.waitingMs()).toBe(40);
    receive(rig, ok(1));
    expect(rig.link.waitingMs()).toBe(0);
    rig.clock = 150;
    receive(rig, ok(1));
    expect(began).toBe(140);
  });

  it.each<[string, (rig: Rig) => void]>([
    ['the socket closes', (rig) => rig.socket.emit('close')],
    ['the socket fails', (rig) => rig.socket.emit('error', new Error('reset'))],
    ['nonsense comes', (rig) => receive(rig, packet(9, 0, 0))],
    ['a file is asked for', (rig) => receive(rig, packet(1, 0xfb, 0x66), ok(1))],
  ])('tells every command that waits, once, when %s', (_name, happen) => {
    const rig = createRig();
    rig.ask('a');
    rig.ask('b', () => rig.ask('late'));
    happen(rig);
    happen(rig);
    expect(rig.answers).toEqual(['a lost', 'b lost', 'late lost']);
    expect(rig.ends).toEqual(['lost']);
    expect(rig.socket.destroyed).toBe(true);
  });

  it('ends when the server says something unasked, as before it shuts down', () => {
    const rig = createRig();
    receive(rig, packet(0, 0xff, 0x87, 0x07, 0x23, ...Buffer.from('70100killed')));
    expect(rig.ends).toEqual(['lost']);
  });

  it('is ended by its owner under the name that it gives', () => {
    const rig = createRig();
    rig.ask('a');
    rig.link.end('timed_out', 'too long');
    expect([rig.ends, rig.answers]).toEqual([['timed_out'], ['a lost']]);
  });

  it('sends commands without a reply, and only those, unanswered', async () => {
    const rig = createRig();
    rig.link.sendOnly(Buffer.of(COM.STMT_CLOSE, 1, 0, 0, 0));
    rig.link.sendOnly(query('never'));
    await turn();
    expect(rig.socket.sent).toEqual(packet(0, COM.STMT_CLOSE, 1, 0, 0, 0));
    expect(rig.link.pending).toBe(0);
  });
});
