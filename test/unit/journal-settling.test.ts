/** Invariant 8 where requests to settle come late, twice, or of two readers at once. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DiskJournal } from '../../src/journal/disk-journal.ts';
import type { Doubt } from '../../src/journal/journal.ts';
import { openJournal, readAll } from '../harness/journal.ts';
import { MemoryDisk } from '../harness/memory-disk.ts';

type Step =
  /** Nothing else tells the journal of the write: its keys are not in the written log. */
  | { readonly do: 'note'; readonly key: string }
  /** A reader takes all there is, with the intent to look at it and to settle it. */
  | { readonly do: 'read' }
  /** One of the requests of readers arrives, whether or not it did before. */
  | { readonly do: 'settle'; readonly which: number }
  | { readonly do: 'restart' };

/** What a reader has seen, and when: what was noted by then it looks at. */
interface Request {
  readonly seen: readonly Doubt[];
  readonly readAt: number;
}

const KEYS = ['1', '2', '3'];
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('note'), key: fc.constantFrom(...KEYS) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('read') }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('settle'), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart') }) },
);

class Readers {
  #disk = new MemoryDisk();
  #journal: DiskJournal;
  readonly #requests: Request[] = [];
  /** Counts the steps. */
  #time = 0;
  /** Of each key that nobody has looked at since: when it was noted. */
  readonly #notedAt = new Map<string, number>();

  private constructor(journal: DiskJournal, disk: MemoryDisk) {
    this.#journal = journal;
    this.#disk = disk;
  }

  static async start(): Promise<Readers> {
    const disk = new MemoryDisk();
    const { journal } = await openJournal({ disk, directory: '/journal' });
    return new Readers(journal, disk);
  }

  async run(each: Step): Promise<void> {
    this.#time += 1;
    if (each.do === 'note') {
      this.#journal.note('messages', each.key, 'not_sampled');
      this.#notedAt.set(each.key, this.#time);
    } else if (each.do === 'read') {
      const { entries } = await readAll(this.#journal);
      this.#requests.push({ seen: entries, readAt: this.#time });
    } else if (each.do === 'restart') await this.#restart();
    else await this.#settle(each.which);
    const left = new Set([...this.#journal.entries()].map(({ key }) => key));
    for (const key of this.#notedAt.keys()) expect(left, 'what nobody has looked at stays').toContain(key);
  }

  end(): Promise<void> {
    return this.#journal.close();
  }

  /** By a cursor of this moment, so that marks alone tell what is late. */
  async #settle(which: number): Promise<void> {
    const request = this.#requests[which % Math.max(1, this.#requests.length)];
    if (request === undefined) return;
    const { cursor } = await this.#journal.read('', 1);
    const { settled, kept, stale } = await this.#journal.settle(request.seen, cursor);
    expect([settled + kept, stale]).toEqual([request.seen.length, false]);
    for (const [key, notedAt] of this.#notedAt) if (notedAt < request.readAt) this.#notedAt.delete(key);
    // What nobody has noted since is settled, however often it was asked before.
    const left = new Set([...this.#journal.entries()].map(({ key }) => key));
    for (const { key } of request.seen) expect(left.has(key)).toBe(this.#notedAt.has(key!));
  }

  async #restart(): Promise<void> {
    await this.#journal.close();
    const { journal } = await openJournal({ disk: this.#disk, directory: '/journal' });
    this.#journal = journal;
  }
}

it('invariant 8: however late and often readers settle, what was noted since they read it stays', async () => {
  const sequence = fc.array(step, { minLength: 4, maxLength: 30, size: 'max' });
  await fc.assert(
    fc.asyncProperty(sequence, async (steps) => {
      const readers = await Readers.start();
      try {
        for (const each of steps) await readers.run(each);
      } finally {
        await readers.end();
      }
    }),
    { numRuns: 100 },
  );
});
