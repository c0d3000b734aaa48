import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DiskJournal } from '../../src/journal/disk-journal.ts';
import { endOfTurn, filesOf, openJournal, type TestJournal, texts } from '../harness/journal.ts';

const HEADER_END = '"id":1}';
const WRITTEN = 'written-1-1.log';

const opened: DiskJournal[] = [];
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
});

async function open(directory?: string): Promise<TestJournal> {
  const made = await openJournal(directory === undefined ? {} : { directory });
  opened.push(made.journal);
  return made;
}

/** What a process leaves that ended with a doubt on key 1 and a write of key 2 under way. */
async function left(): Promise<string> {
  const { journal, crash } = await open();
  journal.note('messages', '1', 'failed');
  journal.written('messages', '2');
  journal.mark();
  journal.flush();
  await endOfTurn();
  return crash();
}

describe('a journal that was damaged while no process had it', () => {
  it.each([WRITTEN, 'doubts-1.log'])(
    'a changed byte in the header of %s: its records are kept, and a full pass is owed',
    async (name) => {
      const file = join(await left(), name);
      const whole = readFileSync(file);
      const header = whole.indexOf(HEADER_END) + HEADER_END.length;
      for (let at = 0; at < header; at += 7) {
        // The version's own bytes: another version's files are refused.
        if (at >= 8 && at < 12) continue;
        const directory = await left();
        const bytes = Buffer.from(whole);
        bytes[at]! ^= 0x55;
        writeFileSync(join(directory, name), bytes);
        const { journal } = await open(directory);
        expect(texts(journal.entries()), `byte ${at}`).toEqual([
          'messages/1/failed 1',
          'messages/2/written 1',
        ]);
        expect(journal.reset, `byte ${at}`).toBe(true);
        await journal.close();
      }
    },
  );

  it('other bytes in place of a written segment: a full pass is owed', async () => {
    const directory = await left();
    writeFileSync(join(directory, WRITTEN), 'what was never a journal');
    const { journal } = await open(directory);
    expect([texts(journal.entries()), journal.reset]).toEqual([['messages/1/failed 1'], true]);
    expect(journal.figures().resetReason).toBe(`${WRITTEN} is damaged`);
  });

  it('zeros in place of a file that was being made are nothing', async () => {
    const directory = await left();
    writeFileSync(join(directory, 'written-1-9.log'), Buffer.alloc(4096));
    expect((await open(directory)).journal.reset).toBe(false);
  });

  it('without the log of the last snapshot a full pass is owed', async () => {
    const directory = await left();
    rmSync(join(directory, 'doubts-1.log'));
    const { journal } = await open(directory);
    expect(journal.figures().resetReason).toBe('doubts-1.log is missing');
  });

  it('without any of the doubts’ files a full pass is owed', async () => {
    const directory = await left();
    for (const name of filesOf(directory)) if (name.startsWith('doubts-')) rmSync(join(directory, name));
    const { journal } = await open(directory);
    expect(journal.figures().resetReason).toBe('the files of the doubts are missing');
  });
});
