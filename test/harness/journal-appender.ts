/**
 * A process of its own that appends to a journal until it is killed. It says `under way KEY` behind the flush of a
 * write whose end nobody will see, and `doubt KEY` where one was noted and released. Its arguments are the
 * journal's folder and what its keys begin with.
 */
import { endOfTurn, openJournal } from './journal.ts';

const TURN = 50;
const [directory = '', prefix = ''] = process.argv.slice(2);
const { journal } = await openJournal({ directory });
for (let number = 1; ; number++) {
  const key = `${prefix}-${number}`;
  journal.written('messages', key);
  const mark = journal.mark();
  journal.flush();
  if (number % 2 === 0) {
    journal.note('messages', key, 'failed');
    mark.release();
  }
  process.stdout.write(`${number % 2 === 0 ? 'doubt' : 'under way'} ${key}\n`);
  if (number % TURN === 0) await endOfTurn();
}
