/** Who is behind whom, and by how much. Pure. */
import type { Numbers, Place, Reading } from './sequence.ts';

export type Verdict =
  | { readonly type: 'in_order' }
  | Behind
  /** Behind, and its replication says that it has not come so far yet. */
  | { readonly type: 'lagging'; readonly by: bigint; readonly of: Place; readonly lagSeconds: number }
  /** The other side has given out all that the column can hold: nothing is above. */
  | { readonly type: 'used_up'; readonly of: Place; readonly given: bigint; readonly limit: bigint }
  /** The other side has it and this server has not. */
  | { readonly type: 'missing'; readonly of: Place }
  | { readonly type: 'incomparable'; readonly why: string }
  /** `of`: the server whose number can't be read, this one or one that it must not be behind. */
  | { readonly type: 'unreadable'; readonly of: Place; readonly reason: string };

export interface Behind {
  readonly type: 'behind';
  /** How many numbers it could give out a second time. */
  readonly by: bigint;
  /** As many of these are up to the highest that stands in a row now. */
  readonly byRows: bigint;
  /** The server that has given them out. */
  readonly of: Place;
  readonly next: bigint;
  readonly given: bigint;
  /** What a replica's replication says of it, a part of a sentence; null: nothing was asked. */
  readonly why: string | null;
}

/** Whose numbers a server's must be above, all that it must not be behind of. */
export const REFERENCES: Readonly<Record<Place, readonly Place[]>> = {
  old: [],
  old_replica: ['old'],
  // A replica may give out numbers as well, where several servers are written to.
  new: ['old', 'old_replica'],
  new_replica: ['new'],
};

export interface Reference {
  readonly place: Place;
  readonly reading: Reading;
}

/**
 * `subject`: what `place` says, undefined where it has no such sequence. `references`: what the servers say that it
 * must be above, those alone that have it. Null: there is nothing to hold it against.
 */
export function judge(
  place: Place,
  subject: Reading | undefined,
  references: readonly Reference[],
): Verdict | null {
  const [first] = references;
  if (subject?.type === 'unreadable') return { type: 'unreadable', of: place, reason: subject.reason };
  if (first === undefined) return null;
  if (subject === undefined) return { type: 'missing', of: first.place };
  for (const { place: of, reading } of references)
    if (reading.type === 'unreadable') return { type: 'unreadable', of, reason: reading.reason };
  const readings = [subject, ...references.map((reference) => reference.reading)];
  const incomparable = readings.find((reading) => reading.type === 'incomparable');
  if (incomparable !== undefined) return incomparable;
  if (subject.type !== 'numbers') return null;
  return compare(
    subject,
    references.flatMap((one) =>
      one.reading.type === 'numbers' ? [{ place: one.place, reading: one.reading }] : [],
    ),
  );
}

function compare(
  subject: Numbers,
  references: readonly { readonly place: Place; readonly reading: Numbers }[],
): Verdict {
  let worst: Verdict = { type: 'in_order' };
  for (const { place, reading } of references) {
    const verdict = compareWith(subject, place, reading);
    if (severity(verdict) > severity(worst)) worst = verdict;
  }
  return worst;
}

function compareWith(subject: Numbers, of: Place, { given, held }: Numbers): Verdict {
  const { next, limit } = subject;
  if (given >= limit) return { type: 'used_up', of, given, limit };
  if (given < next) return { type: 'in_order' };
  return {
    type: 'behind',
    by: given - next + 1n,
    byRows: held !== null && held >= next ? held - next + 1n : 0n,
    of,
    next,
    given,
    why: null,
  };
}

/** What weighs more is told; of two that are behind, the one that is further. */
function severity(verdict: Verdict): bigint {
  if (verdict.type === 'in_order') return -1n;
  return verdict.type === 'behind' ? verdict.by : 1n << 128n;
}

/** Whether somebody has to do something: what the exit code says. */
export function isFault({ type }: Verdict): boolean {
  return type !== 'in_order' && type !== 'lagging' && type !== 'incomparable';
}
