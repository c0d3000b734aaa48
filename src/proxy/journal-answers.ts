/** Answers for the journal of a shard that this process serves. */
import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import type { DiskJournal } from '../journal/disk-journal.ts';
import { CursorError, DOUBT_REASONS, type JournalPage } from '../journal/journal.ts';
import { BusyError } from '../journal/one-by-one.ts';
import type { JournalAnswer, JournalRequest } from '../observe/journal-routes.ts';

const reasonsSchema = z.array(z.object({ reason: z.enum(DOUBT_REASONS) }));

/** Rejects with what is a fault of ours. */
export async function answerForJournal(
  journal: DiskJournal,
  request: JournalRequest,
): Promise<JournalAnswer> {
  try {
    return await answer(journal, request);
  } catch (error) {
    if (error instanceof CursorError) return refusal(400, 'bad_request', messageOf(error));
    if (error instanceof BusyError) return refusal(503, 'busy', messageOf(error));
    throw error;
  }
}

async function answer(journal: DiskJournal, request: JournalRequest): Promise<JournalAnswer> {
  if (request.do === 'read') {
    const page = await journal.read(request.cursor, request.limit, request.part);
    return { code: 200, body: request.marks === 'yes' ? page : withoutMarks(page) };
  }
  if (request.do === 'settle') {
    const reasons = reasonsSchema.safeParse(request.entries);
    if (!reasons.success)
      return refusal(400, 'bad_request', `entries: reason must be one of ${DOUBT_REASONS.join(', ')}`);
    const entries = request.entries.map((entry, index) => ({
      ...entry,
      reason: reasons.data[index]!.reason,
    }));
    return { code: 200, body: await journal.settle(entries, request.cursor) };
  }
  if (journal.fullPassDone(request.epoch)) return { code: 200, body: { reset: journal.reset } };
  const { epoch, failing } = journal.figures();
  const why =
    failing === null
      ? `entries were lost since: the epoch is ${epoch} now`
      : `it can't be written: ${failing}`;
  return refusal(409, 'conflict', `the journal stays reset, as ${why}`);
}

/** As readers know the entries that do not settle them. */
function withoutMarks({ entries, ...page }: JournalPage): JournalPage {
  return {
    entries: entries.map(({ table, key, reason, count }) => ({ table, key, reason, count })),
    ...page,
  };
}

export function refusal(code: number, error: string, message: string): JournalAnswer {
  return { code, body: { error, message } };
}
