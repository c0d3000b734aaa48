/** Invariant 4, with a real process and a real disk: kill -9 at any moment loses no doubt. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openJournal } from '../harness/journal.ts';
import { startChild } from '../harness/process.ts';
import { createRandom } from '../harness/random.ts';
import { takeSeed } from '../harness/seed.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';

const APPENDER = fileURLToPath(new URL('../harness/journal-appender.ts', import.meta.url));
const ROUNDS = 4;
const BYTES_MAX = 100_000;

it('every key that was on record before a kill is in the journal afterwards', async () => {
  const random = createRandom(takeSeed('journal-kills'));
  const directory = temporaryDirectory('journal-kills');
  const underWay = new Set<string>();
  const doubts = new Set<string>();
  for (let round = 1; round <= ROUNDS; round++) {
    const appender = await startChild({
      name: 'appender',
      command: process.execPath,
      args: ['--import', 'tsx', APPENDER, directory, `round ${round}`],
    });
    const until = random.integer(1, BYTES_MAX);
    await waitFor(() => appender.stdout().length >= until, { what: 'it to append' });
    await appender.kill9();
    const lines = appender.stdout().split('\n').slice(0, -1);
    for (const line of lines) {
      if (line.startsWith('doubt ')) doubts.add(line.slice('doubt '.length));
      else underWay.add(line.slice('under way '.length));
    }
    const { journal } = await openJournal({ directory });
    const found = new Set([...journal.entries()].map(({ key, reason }) => `${key} ${reason}`));
    expect([...underWay].filter((key) => !found.has(`${key} written`))).toEqual([]);
    expect([...doubts].filter((key) => !found.has(`${key} failed`) && !found.has(`${key} written`))).toEqual(
      [],
    );
    expect(journal.reset).toBe(false);
    await journal.close();
  }
});
