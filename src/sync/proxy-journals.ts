/** The journals of all proxies, before and after a pass: what they hold, and what they have lost. */
import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import type { JournalClient, JournalState } from './journal-client.ts';
import type { JournalLeft } from './sync-report.ts';

/** Of one proxy, by shard. */
export interface JournalStates {
  readonly journal: Pick<JournalClient, 'name' | 'fullPassDone'>;
  readonly shards: ReadonlyMap<string, JournalState>;
}

/** A shard of which a proxy's journal has lost something up to this epoch. */
export type OwedPass = z.output<typeof owedPassSchema>;
export const owedPassSchema = z.strictObject({ proxy: z.string(), shard: z.string(), epoch: z.number() });

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

/** Of these shards: what a full pass that begins after `states` makes good. */
export function owedPasses(states: readonly JournalStates[], selected: readonly string[]): OwedPass[] {
  return states.flatMap(({ journal, shards }) =>
    [...shards]
      .filter(([shard, { reset }]) => reset && selected.includes(shard))
      .map(([shard, { epoch }]) => ({ proxy: journal.name, shard, epoch })),
  );
}

/** Every group of these shards was looked at: what their journals had lost before is made good. */
export async function makeGood(
  owed: readonly OwedPass[],
  journals: readonly Pick<JournalClient, 'name' | 'fullPassDone'>[],
  warns: (text: string) => void,
): Promise<void> {
  for (const { proxy, shard, epoch } of owed) {
    const journal = journals.find(({ name }) => name === proxy);
    try {
      if (journal === undefined) warns(`${shard}: proxy ${proxy} can’t be told of the full pass`);
      else if (!(await journal.fullPassDone(shard, epoch)))
        warns(`${shard}: proxy ${journal.name} has lost more meanwhile, so that a full pass is owed`);
    } catch (error) {
      warns(messageOf(error));
    }
  }
}
