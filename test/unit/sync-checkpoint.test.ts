/** Keys are cut into ranges that are all keys together, and where a pass is survives in a file. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Checkpoint, CheckpointFile } from '../../src/sync/checkpoint.ts';
import { ALL_KEYS } from '../../src/sync/key-range.ts';
import { NO_COUNTS } from '../../src/sync/pass-counts.ts';
import { addOutcomes, failureOf, NO_OUTCOME } from '../../src/sync/range-outcome.ts';
import { boundsOfBoth, splitKeys } from '../../src/sync/range-split.ts';
import { temporaryDirectory } from '../harness/temp.ts';

describe('ranges', () => {
  it('follow each other without a gap, from one open end to the other', () => {
    fc.assert(
      fc.property(
        fc.bigInt(),
        fc.bigInt({ min: 0n }),
        fc.integer({ min: 1, max: 40 }),
        (from, width, parts) => {
          const ranges = splitKeys({ least: String(from), greatest: String(from + width) }, parts);
          expect(ranges.length).toBeLessThanOrEqual(parts);
          expect([ranges[0]?.after, ranges.at(-1)?.through]).toEqual([undefined, undefined]);
          for (const [at, range] of ranges.entries()) {
            if (at > 0) expect(range.after).toBe(ranges[at - 1]?.through);
            if (range.after !== undefined && range.through !== undefined)
              expect(BigInt(String(range.through)) > BigInt(String(range.after))).toBe(true);
          }
        },
      ),
    );
  });

  it('are one where the keys are no whole numbers, or too few', () => {
    for (const [least, greatest] of [
      ['1.5', '9.5'],
      [null, null],
      ['1', '3'],
    ] as const)
      expect(splitKeys({ least, greatest }, 4)).toEqual([ALL_KEYS]);
  });

  it('reach over the keys of both sides', () => {
    const none = { least: null, greatest: null };
    const some = { least: '-5', greatest: '7' };
    expect(boundsOfBoth(some, { least: '-50', greatest: '18446744073709551615' })).toEqual({
      least: '-50',
      greatest: '18446744073709551615',
    });
    expect([boundsOfBoth(none, some), boundsOfBoth(some, none)]).toEqual([some, some]);
  });
});

describe('a checkpoint', () => {
  const work = { shard: 's00', table: 'messages', way: 'both' } as const;
  const checkpoint: Checkpoint = {
    job: 'all of it',
    pass: 2,
    record: {
      ranges: [
        { work: { ...work, range: { after: null, through: '7' } }, done: false },
        { work: { ...work, range: { after: Buffer.from([0, 255]), through: undefined } }, done: true },
      ],
      outcome: addOutcomes(
        { ...NO_OUTCOME, counts: { ...NO_COUNTS, groups: 3 } },
        failureOf('s00', 'notes', 'it is not there'),
      ),
    },
  };
  const fileOf = (): string => join(temporaryDirectory('checkpoint'), 'sync', 'test.json');

  it('is read as it was written, by the same job alone', async () => {
    const file = fileOf();
    const written = new CheckpointFile(file);
    expect(await written.read('all of it')).toBeNull();
    written.changed(() => checkpoint);
    await written.flush();
    expect(await new CheckpointFile(file).read('all of it')).toEqual(checkpoint);
    expect(await new CheckpointFile(file).read('another')).toBeNull();
  });

  it('that the disk does not take is told of, and stops nobody', async () => {
    const reasons: string[] = [];
    const folder = join(temporaryDirectory('checkpoint'), 'a-file');
    writeFileSync(folder, '');
    const written = new CheckpointFile(join(folder, 'test.json'), (reason) => reasons.push(reason));
    written.changed(() => checkpoint);
    await written.flush();
    expect(reasons).toEqual([expect.stringContaining('a-file')]);
  });

  it('is gone when the job is done, whatever was still to be written', async () => {
    const file = fileOf();
    const written = new CheckpointFile(file);
    written.changed(() => checkpoint);
    await written.flush();
    written.changed(() => checkpoint);
    await written.remove();
    expect(existsSync(file)).toBe(false);
  });

  it.each(['', '{}', '{"version":1,"job":3}'])('of %j is refused, with what to do', async (text) => {
    const file = join(temporaryDirectory('checkpoint'), 'test.json');
    writeFileSync(file, text);
    await expect(new CheckpointFile(file).read('x')).rejects.toThrow(
      `${file}: is no checkpoint of a sync of this version; remove it to begin anew`,
    );
  });
});
