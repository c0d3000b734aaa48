/** All sequences of a shard on all of its servers, each held against those that it must not be behind. Pure. */
import {
  PLACES,
  type Place,
  type Reading,
  type SequenceName,
  type ServerAnswer,
  type ServerReadings,
  sequenceTitle,
} from './sequence.ts';
import { isFault, judge, REFERENCES, type Verdict } from './sequence-verdict.ts';

export type Answers = ReadonlyMap<Place, ServerAnswer>;

export interface ComparedSequence {
  readonly sequence: SequenceName;
  /** Of the servers that answered and have it. */
  readonly readings: Readonly<Partial<Record<Place, Reading>>>;
  /** Of the servers that answered and have something to be held against. */
  readonly verdicts: Readonly<Partial<Record<Place, Verdict>>>;
}

export interface Comparison {
  /** What servers say now. */
  readonly latest: Answers;
  /** What they said when they were first asked: that is what the others must have reached. */
  readonly noted: Answers;
  /** Whether a SEQUENCE that the new side has not is one that need not move. */
  readonly someStay: boolean;
}

/** In the order of their titles. */
export function compareSequences({ latest, noted, someStay }: Comparison): ComparedSequence[] {
  const names = new Map<string, SequenceName>();
  for (const answer of [...noted.values(), ...latest.values()]) {
    for (const [id, { sequence }] of readingsOf(answer)?.sequences ?? []) names.set(id, sequence);
  }
  return [...names]
    .map(([id, sequence]) => ({
      sequence,
      readings: readingsOn(latest, id),
      verdicts: verdictsOn(latest, noted, id),
    }))
    .filter(({ sequence, verdicts }) => {
      return !(someStay && sequence.kind === 'object' && verdicts.new?.type === 'missing');
    })
    .sort((left, right) => compareTitles(left.sequence, right.sequence));
}

function readingsOn(answers: Answers, id: string): Partial<Record<Place, Reading>> {
  const readings: Partial<Record<Place, Reading>> = {};
  for (const [place, answer] of answers) {
    const named = readingsOf(answer)?.sequences.get(id);
    if (named !== undefined) readings[place] = named.reading;
  }
  return readings;
}

function verdictsOn(latest: Answers, noted: Answers, id: string): Partial<Record<Place, Verdict>> {
  const verdicts: Partial<Record<Place, Verdict>> = {};
  for (const place of PLACES) {
    const readings = readingsOf(latest.get(place));
    if (readings === null) continue;
    const references = REFERENCES[place].flatMap((reference) => {
      const named = readingsOf(noted.get(reference))?.sequences.get(id);
      return named === undefined ? [] : [{ place: reference, reading: named.reading }];
    });
    const verdict = judge(place, readings.sequences.get(id)?.reading, references);
    if (verdict !== null) verdicts[place] = verdict;
  }
  return verdicts;
}

/** Null: it could not be asked, or there is no such server. */
export function readingsOf(answer: ServerAnswer | undefined): ServerReadings | null {
  return answer?.type === 'read' ? answer : null;
}

function compareTitles(left: SequenceName, right: SequenceName): number {
  const [one, other] = [sequenceTitle(left), sequenceTitle(right)];
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

export function faultyPlaces({ verdicts }: ComparedSequence): Place[] {
  return PLACES.filter((place) => {
    const verdict = verdicts[place];
    return verdict !== undefined && isFault(verdict);
  });
}
