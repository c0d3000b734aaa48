/** The journals of all proxies, before and after a pass: what they hold, and what they have lost. */
import { messageOf } from '../base/errors.ts';
import type { JournalClient, JournalState } from './journal-client.ts';
import type { JournalLeft } from './sync-report.ts';

/** Of one proxy, by shard. */
export interface JournalStates {
  readonly journal: Pick<JournalClient, 'name' | 'fullPassDone'>;
  readonly shards: ReadonlyMap<string, JournalState>;
}

/** Rejects where one of them can't be asked any more. */
export async function journalStates(journals: readonly JournalClient[]): Promise<JournalStates[]> {
  return await Promise.all(journals.map(async (journal) => ({ journal, shards: await journal.states() })));
}

/** Of these shards. */
export function journalLeft(states: readonly JournalStates[], selected: readonly string[]): JournalLeft {
  const chosen = states.flatMap(({ shards }) => [...shards].filter(([name]) => selected.includes(name)));
  return {
    keys: chosen.reduce((sum, [, { keys }]) => sum + keys, 0),
    reset: [...new Set(chosen.filter(([, { reset }]) => reset).map(([name]) => name))],
  };
}

/** Every group of these shards was looked at: what their journals had lost before `states` is made good. */
export async function makeGood(
  states: readonly JournalStates[],
  selected: readonly string[],
  warns: (text: string) => void,
): Promise<void> {
  for (const { journal, shards } of states) {
    for (const [shard, { reset, epoch }] of shards) {
      if (!reset || !selected.includes(shard)) continue;
      try {
        if (!(await journal.fullPassDone(shard, epoch)))
          warns(`${shard}: proxy ${journal.name} has lost more meanwhile, so that a full pass is owed`);
      } catch (error) {
        warns(messageOf(error));
      }
    }
  }
}
