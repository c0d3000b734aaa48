/** The writes of one shard that are under way, by their tables: those are told that may have met on the same rows. */
import { type Used, UseTable } from '../base/use-table.ts';
import { AnsweredKeys } from './answered-keys.ts';
import { type Doubted, doubtedBy, REACHES, type Reach } from './write-reach.ts';
import { SEVERAL, type Writer } from './writer.ts';

/** Writes of one table that are not answered. */
interface TableSpell extends Used {
  writer: Writer | null;
  unanswered: number;
  /** By their reach: how many of them there are. */
  readonly under: number[];
  /** By their reach: how many there ever were, which tells a write what came while it was under way. */
  readonly entered: number[];
  /** What was answered while there were writes whose keys the server gives out; null: there are none. */
  answered: AnsweredKeys | null;
}

/** A write's stay on one table. */
export interface TableSpan {
  readonly table: string;
  readonly spell: TableSpell;
  readonly reach: Reach;
  /** By what was under way when it came. */
  readonly met: Doubted;
  /** How many there had been, with it, that put in doubt its keys, and the table. */
  readonly keysBefore: number;
  readonly tableBefore: number;
  /** Set where the server gives the keys out: how many writes the table had seen with this one. */
  readonly numberedSince: number | null;
}

const newTableSpell = (): TableSpell => ({
  uses: 0,
  at: 'table',
  writer: null,
  unanswered: 0,
  under: new Array<number>(REACHES).fill(0),
  entered: new Array<number>(REACHES).fill(0),
  answered: null,
});

export class TablesUnderWay {
  readonly #tables = new UseTable(newTableSpell);

  /** Tables with writes under way. */
  get size(): number {
    return this.#tables.size;
  }

  /** `numbering`: its keys come with the answer. */
  enter(table: string, reach: Reach, numbering: boolean, writer: Writer): TableSpan {
    const spell = this.#tables.use(table);
    if (spell.uses === 1) {
      spell.writer = writer;
      spell.entered.fill(0);
    }
    const met = spell.unanswered > 0 && spell.writer !== writer ? doubtAmong(spell.under, reach) : 'nothing';
    if (spell.writer !== writer) spell.writer = SEVERAL;
    spell.unanswered++;
    spell.under[reach]!++;
    spell.entered[reach]!++;
    if (numbering) {
      spell.answered ??= new AnsweredKeys();
      spell.answered.asking++;
    }
    return {
      table,
      spell,
      reach,
      met,
      keysBefore: countOf(spell.entered, reach, 'keys'),
      tableBefore: countOf(spell.entered, reach, 'table'),
      numberedSince: numbering ? enteredIn(spell) : null,
    };
  }

  /** A key of it was answered: those whose keys are still to come may turn out to have the same. */
  answeredKey({ spell }: TableSpan, tag: string): void {
    spell.answered?.add(tag, enteredIn(spell));
  }

  /** It is answered: what is in doubt for what other sessions had under way meanwhile. */
  leave({ spell, reach, met, keysBefore, tableBefore, numberedSince }: TableSpan): Doubted {
    spell.unanswered--;
    spell.under[reach]!--;
    if (numberedSince !== null && spell.answered !== null && --spell.answered.asking === 0)
      spell.answered = null;
    const isShared = spell.writer === SEVERAL;
    if (spell.unanswered === 0) spell.writer = null;
    const since = (doubted: Doubted, before: number): boolean =>
      isShared && countOf(spell.entered, reach, doubted) !== before;
    const isWide = met === 'table' || since('table', tableBefore);
    const isKeyed = met === 'keys' || since('keys', keysBefore);
    this.#tables.leave(spell);
    if (isWide) return 'table';
    return isKeyed ? 'keys' : 'nothing';
  }
}

/** Of writes of these numbers by reach, all of other sessions. */
function doubtAmong(counts: readonly number[], reach: Reach): Doubted {
  if (countOf(counts, reach, 'table') > 0) return 'table';
  return countOf(counts, reach, 'keys') > 0 ? 'keys' : 'nothing';
}

/** How many there are among them beside which one of such a reach puts so much in doubt. */
function countOf(counts: readonly number[], reach: Reach, doubted: Doubted): number {
  let sum = 0;
  for (let other = 0; other < REACHES; other++)
    if (doubtedBy(reach, other as Reach) === doubted) sum += counts[other]!;
  return sum;
}

function enteredIn({ entered }: TableSpell): number {
  let sum = 0;
  for (const count of entered) sum += count;
  return sum;
}
