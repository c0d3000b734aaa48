import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ByteStream } from '../../src/proxy/byte-stream.ts';
import { HeldStream } from '../../src/proxy/held-stream.ts';
import { HELD_BYTES_MAX, WriteTurn } from '../../src/proxy/write-turn.ts';

/** One turn for several streams; what came of them stands in `log` in its order. */
class Rig {
  readonly log: string[] = [];
  readonly turn = new WriteTurn(() => this.log.push('record'));
  /** The next write finds the kernel's buffer full. */
  full = false;
  /** Whose writes throw. */
  broken = '';

  stream(name: string): HeldStream {
    return new HeldStream(this.#inner(name), this.turn, () => this.log.push(`${name} full`));
  }

  #inner(name: string): ByteStream {
    const asked = (what: string) => () => {
      this.log.push(`${name} ${what}`);
    };
    return {
      unsentBytes: 0,
      isDropped: () => false,
      write: (chunk) => {
        if (name === this.broken) throw new Error(`${name} is broken`);
        this.log.push(`${name} ${chunk.length > 10 ? chunk.length : chunk}`);
        return !this.full;
      },
      shorten: asked('shorten'),
      pause: asked('pause'),
      resume: asked('resume'),
      end: asked('end'),
      endAndDestroy: asked('endAndDestroy'),
      destroy: asked('destroy'),
      reset: asked('reset'),
    };
  }
}

/** What is sent stands in memory that is used again at once. */
function sendOnce(stream: HeldStream, text: string): boolean {
  const bytes = Buffer.from(text);
  const goesOn = stream.writeRecorded(bytes);
  bytes.fill('-');
  return goesOn;
}

describe('the writes of a turn', () => {
  it('wait for its end, are recorded together, and go in the order in which they came', async () => {
    const rig = new Rig();
    const [a, b] = [rig.stream('a'), rig.stream('b')];
    for (const round of ['1', '2']) {
      expect([sendOnce(a, round), sendOnce(b, round)]).toEqual([true, true]);
      expect(rig.log).toEqual([]);
      expect(a.unsentBytes).toBe(1);
      await nextTurn();
      expect(rig.log.filter((line) => line !== 'record')).toEqual([`a ${round}`, `b ${round}`]);
      expect(rig.log[0]).toBe('record');
      expect(a.unsentBytes).toBe(0);
      rig.log.length = 0;
    }
  });

  it('hold nothing else up', () => {
    const rig = new Rig();
    const [a, b] = [rig.stream('a'), rig.stream('b')];
    sendOnce(a, 'write');
    b.write(Buffer.from('read'));
    expect(rig.log).toEqual(['b read']);
  });

  it('keep their order among what their own stream is asked for', async () => {
    const asks: ((stream: HeldStream) => unknown)[] = [
      (stream) => stream.write(Buffer.from('read')),
      (stream) => sendOnce(stream, 'next'),
      (stream) => stream.end(),
      (stream) => stream.endAndDestroy(),
      (stream) => stream.destroy(),
      (stream) => stream.reset(),
    ];
    const behind = ['read', 'next', 'end', 'endAndDestroy', 'destroy', 'reset'];
    for (const [index, ask] of asks.entries()) {
      const rig = new Rig();
      const [a, b] = [rig.stream('a'), rig.stream('b')];
      sendOnce(b, 'other');
      sendOnce(a, 'write');
      ask(a);
      expect(rig.log.slice(0, 2)).toEqual(['record', 'a write']);
      expect(rig.log).not.toContain('b other');
      await nextTurn();
      const sent = rig.log.filter((line) => line.startsWith('a'));
      expect(sent).toEqual(['a write', `a ${behind[index]}`]);
      expect(rig.log).toContain('b other');
    }
  });

  it('are sent at once, each behind an append of its own, where no more can be held', async () => {
    const rig = new Rig();
    const [a, b, c] = [rig.stream('a'), rig.stream('b'), rig.stream('c')];
    a.writeRecorded(Buffer.alloc(HELD_BYTES_MAX));
    b.writeRecorded(Buffer.alloc(11));
    c.writeRecorded(Buffer.alloc(HELD_BYTES_MAX + 1));
    expect(rig.log).toEqual(['record', 'b 11', 'record', `c ${HELD_BYTES_MAX + 1}`]);
    await nextTurn();
    expect(rig.log.slice(4)).toEqual(['record', `a ${HELD_BYTES_MAX}`]);
    // There is room again.
    b.writeRecorded(Buffer.alloc(11));
    expect(rig.log.length).toBe(6);
  });

  it('are sent all the same, in this turn or the next, where one that comes first can’t be', async () => {
    const rig = new Rig();
    const [a, b] = [rig.stream('a'), rig.stream('b')];
    rig.broken = 'a';
    const faults: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (fault) => faults.push(fault));
    try {
      sendOnce(a, 'lost');
      sendOnce(b, 'write');
      while (!rig.log.includes('b write')) await nextTurn();
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const each of others) process.on('uncaughtException', each);
    }
    expect(faults).toEqual([new Error('a is broken')]);
    sendOnce(b, 'next');
    await nextTurn();
    expect(rig.log).toEqual(['record', 'record', 'b write', 'record', 'b next']);
  });

  it('tell of a full connection when they are sent', async () => {
    const rig = new Rig();
    const a = rig.stream('a');
    rig.full = true;
    expect(sendOnce(a, 'write')).toBe(true);
    await nextTurn();
    expect(rig.log).toEqual(['record', 'a write', 'a full']);
    expect(a.writeRecorded(Buffer.alloc(HELD_BYTES_MAX + 1))).toBe(false);
  });
});
