/** Compared sequences as text for people. Pure. */
import { sanitize } from '../control/sanitize.ts';
import { PLACE_NAMES, PLACES, type Place, type Reading, sequenceTitle } from '../sync/sequence.ts';
import { type Answers, type ComparedSequence, faultyPlaces } from '../sync/sequence-comparison.ts';
import type { Verdict } from '../sync/sequence-verdict.ts';
import type { CheckedShard } from './sequences-check.ts';
import { formatTable } from './table.ts';

const LINE_SHOWN = 1000;

/** Lines without newlines: a table on a terminal, else a line for each sequence. */
export function sequenceLines(shard: CheckedShard, onTerminal: boolean): string[] {
  const lines = onTerminal
    ? tableLines(shard)
    : shard.check.sequences.flatMap((one) => plainLines(shard, one));
  const raised = shard.raised.map((line) => `${shard.name}: ${line}`);
  const none = shard.check.sequences.length === 0 ? [nothingLine(shard)] : [];
  // Names and errors are what servers say.
  return [...raised, ...(none.length > 0 ? none : lines)].map((line) => sanitize(line, LINE_SHOWN));
}

function nothingLine({ name, faults }: CheckedShard): string {
  return `${name}: ${faults.length === 0 ? 'nothing gives out numbers there' : 'nothing could be compared'}`;
}

function tableLines({ name, places, check }: CheckedShard): string[] {
  const header = ['SEQUENCE', ...places.map((place) => PLACE_NAMES[place].toUpperCase()), 'STATE'];
  const rows = check.sequences.map((compared) => [
    sequenceTitle(compared.sequence),
    ...places.map((place) => cellOf(compared.readings[place], check.answers.get(place)?.type)),
    stateOf(compared, check.answers),
  ]);
  const sentences = check.sequences.flatMap((compared) =>
    sentencesOf(compared).map((sentence) => `  ${sequenceTitle(compared.sequence)}: ${sentence}`),
  );
  return [`shard ${name}: next number / highest in a row`, ...formatTable(header, rows), ...sentences];
}

function plainLines({ name, places, check }: CheckedShard, compared: ComparedSequence): string[] {
  const title = `${name} ${sequenceTitle(compared.sequence)}`;
  const cells = places.map(
    (place) => `${PLACE_NAMES[place]} ${cellOf(compared.readings[place], check.answers.get(place)?.type)}`,
  );
  return [
    `${title}: ${stateOf(compared, check.answers)} (next / highest in a row: ${cells.join(', ')})`,
    ...sentencesOf(compared).map((sentence) => `${title}: ${sentence}`),
  ];
}

/** `?`: the server can't be asked; `-`: it has none. */
function cellOf(reading: Reading | undefined, answer: 'read' | 'unreachable' | undefined): string {
  if (reading === undefined) return answer === 'read' ? '-' : '?';
  if (reading.type === 'unreadable') return '?';
  return reading.type === 'numbers' ? `${reading.next} / ${reading.held ?? '-'}` : 'own count';
}

function stateOf(compared: ComparedSequence, answers: Answers): string {
  const faulty = faultyPlaces(compared);
  if (faulty.length > 0)
    return faulty.map((place) => `${PLACE_NAMES[place]} ${wordOf(compared.verdicts[place])}`).join(', ');
  const verdicts = Object.values(compared.verdicts);
  if (verdicts.some(({ type }) => type === 'incomparable')) return 'not comparable by one number';
  if (verdicts.some(({ type }) => type === 'lagging')) return 'in order, but for the lag';
  if (verdicts.length === 0) return 'nothing to compare with';
  const unheard = [...answers.values()].some(({ type }) => type === 'unreachable');
  return unheard ? 'in order, but for who can’t be asked' : 'in order';
}

function wordOf(verdict: Verdict | undefined): string {
  switch (verdict?.type) {
    case 'behind':
      return 'is behind';
    case 'missing':
      return 'has none';
    case 'used_up':
      return 'has no number left';
    default:
      return 'is unknown';
  }
}

/** Everything that is not simply in order, one sentence a server. */
export function sentencesOf({ sequence, verdicts }: ComparedSequence): string[] {
  return PLACES.flatMap((place) => {
    const verdict = verdicts[place];
    if (verdict === undefined || verdict.type === 'in_order') return [];
    return [sentenceOf(place, verdict, sequence.kind === 'object')];
  });
}

function sentenceOf(place: Place, verdict: Verdict, mayBeCached: boolean): string {
  const name = PLACE_NAMES[place];
  switch (verdict.type) {
    case 'behind':
      return `${name} is behind ${PLACE_NAMES[verdict.of]} by ${verdict.by}: its next number ${mayBeCached ? 'may be' : 'is'} ${verdict.next}, and ${PLACE_NAMES[verdict.of]} has given out ${verdict.given}${rowsOf(verdict.by, verdict.byRows, mayBeCached)}${verdict.why === null ? '' : `; ${verdict.why}`}`;
    case 'lagging':
      return `${name} is behind ${PLACE_NAMES[verdict.of]} by ${verdict.by}, and its replication by ${verdict.lagSeconds} s, which explains it`;
    case 'used_up':
      return `${PLACE_NAMES[verdict.of]} has given out ${verdict.given}, and the column of ${name} holds ${verdict.limit} at most: no number is left above`;
    case 'missing':
      return `${name} has none, and ${PLACE_NAMES[verdict.of]} has`;
    case 'unreadable':
      return verdict.of === place
        ? `${name} can't be compared: ${verdict.reason}`
        : `${name} can't be compared with ${PLACE_NAMES[verdict.of]}, which can't be read: ${verdict.reason}`;
    case 'incomparable':
      return `it ${verdict.why}`;
    default:
      return `${name} is in order`;
  }
}

/** How much of it is in rows: what is not was deleted or rolled back, or never came to be one. */
function rowsOf(by: bigint, byRows: bigint, isObject: boolean): string {
  if (isObject || by === byRows) return '';
  if (byRows === 0n) return ' (none of these numbers is in a row there now)';
  return ` (${byRows} of these numbers are up to the highest in a row there now)`;
}
