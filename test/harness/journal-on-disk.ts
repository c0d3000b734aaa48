/** What a journal's files hold at this very moment, read in one go, so that nothing can happen in between. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FRAME_HEAD_BYTES, frameEnd } from '../../src/journal/frame.ts';
import { readRecords } from '../../src/journal/record-reader.ts';

/** The magic bytes and the version before a file's first frame, which is its header. */
const OPENING_BYTES = 12;
const STATE_SLOT_BYTES = 1024;

/** A shard's written log, a record a line: `table/key`, with `*` for the whole table. */
export function writtenOnDisk(directory: string): string[] {
  const found: string[] = [];
  for (const name of readdirSync(directory)) {
    if (!/^written-.*\.log$/.test(name)) continue;
    const bytes = readFileSync(join(directory, name));
    let at = frameEnd(bytes, OPENING_BYTES, bytes.length);
    while (typeof at === 'number') {
      const end = frameEnd(bytes, at, bytes.length);
      if (typeof end === 'number')
        readRecords(bytes, at + FRAME_HEAD_BYTES, end, {
          written: (table, key) => found.push(`${table}/${key ?? '*'}`),
        });
      at = end;
    }
  }
  return found;
}

/** Whether the shard's state says that what was to be appended may not be there. */
export function isExposedOnDisk(directory: string): boolean {
  const bytes = readFileSync(join(directory, 'state'));
  const slots = [0, STATE_SLOT_BYTES].flatMap((from) => {
    const start = from + OPENING_BYTES;
    const end = frameEnd(bytes, start, from + STATE_SLOT_BYTES);
    // Empty, or being written this very moment: then the other slot holds.
    if (typeof end !== 'number') return [];
    const json = bytes.toString('utf8', start + FRAME_HEAD_BYTES, end);
    return [JSON.parse(json) as { turn: number; exposed: boolean }];
  });
  return slots.sort((left, right) => right.turn - left.turn)[0]?.exposed === true;
}
