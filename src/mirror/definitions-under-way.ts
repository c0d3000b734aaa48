/**
 * The changes of definitions of one shard that are under way. A write that was under way at the same time may have
 * come before or behind them: the servers' locks keep the two apart, and do not tell in which order.
 */
import type { WriteMark } from '../journal/journal.ts';
import type { Writer } from './writer.ts';

export class DefinitionSpan {
  readonly tables: readonly string[];
  readonly writer: Writer;
  readonly mark: WriteMark;
  /** It leaves the same rows before a write as behind it. */
  readonly additive: boolean;
  /** It is about a procedure, a function or an event. */
  readonly program: boolean;
  /** Moments as `DefinitionsUnderWay` counts them; null: not answered yet. */
  readonly sentAt: number;
  answeredAt: number | null = null;
  settled = false;

  constructor(about: Omit<DefinitionSpan, 'answeredAt' | 'settled'>) {
    this.tables = about.tables;
    this.writer = about.writer;
    this.mark = about.mark;
    this.additive = about.additive;
    this.program = about.program;
    this.sentAt = about.sentAt;
  }
}

/** Ended ones that are remembered for the sake of writes that began before: past them such a write meets any. */
const ENDED_MAX = 100;
const NONE: readonly DefinitionSpan[] = [];

export class DefinitionsUnderWay {
  readonly #open = new Set<DefinitionSpan>();
  #ended: DefinitionSpan[] = [];
  /** Ends at or before this moment are forgotten. */
  #forgotten = 0;
  #moment = 0;
  #sent = 0;
  #unsettled = 0;

  /** Grows with each that is sent or answered. */
  get moment(): number {
    return this.#moment;
  }

  /** Grows with each that is sent; null while it is not known of all what became of them on both servers. */
  get calm(): number | null {
    return this.#unsettled === 0 ? this.#sent : null;
  }

  sent(about: Omit<DefinitionSpan, 'answeredAt' | 'settled' | 'sentAt'>): DefinitionSpan {
    const span = new DefinitionSpan({ ...about, sentAt: ++this.#moment });
    this.#open.add(span);
    this.#sent++;
    this.#unsettled++;
    return span;
  }

  answered(span: DefinitionSpan): void {
    if (!this.#open.delete(span)) return;
    span.answeredAt = ++this.#moment;
    this.#ended.push(span);
    if (this.#ended.length > ENDED_MAX) this.#forgotten = this.#ended.shift()?.answeredAt ?? 0;
  }

  /** What became of it is known, and noted where it is a doubt: the journal may let go of its tables. */
  settled(span: DefinitionSpan): void {
    if (span.settled) return;
    span.settled = true;
    this.#unsettled--;
    span.mark.release();
  }

  /** Is one about a program under way, of this session or, left out, of any? */
  programs(writer?: Writer): boolean {
    for (const span of this.#open)
      if (span.program && (writer === undefined || span.writer === writer)) return true;
    return false;
  }

  /** The session is over, or can't be followed any more: nobody will tell of what it has under way. */
  abandon(writer: Writer): void {
    for (const span of [...this.#open]) if (span.writer === writer) this.answered(span);
  }

  /**
   * Those that have redefined one of these tables for another session since that moment, or are about to, in a way in
   * which order counts. Null: not all since then are remembered.
   */
  met(tables: readonly string[], since: number, writer: Writer): readonly DefinitionSpan[] | null {
    if (since === this.#moment && this.#open.size === 0) return NONE;
    return this.#all(since, (span) => !span.additive && span.writer !== writer && shares(span, tables));
  }

  /** Has another one been under way together with this one, on a table of its own? */
  meetsOther(own: DefinitionSpan): boolean {
    const others = this.#all(own.sentAt, (span) => span !== own && shares(span, own.tables));
    return others === null || others.length > 0;
  }

  #all(since: number, matches: (span: DefinitionSpan) => boolean): DefinitionSpan[] | null {
    if (since < this.#forgotten) return null;
    const ended = this.#ended.filter((span) => (span.answeredAt ?? 0) > since);
    return [...this.#open, ...ended].filter(matches);
  }
}

function shares({ tables }: DefinitionSpan, others: readonly string[]): boolean {
  return tables.some((table) => others.includes(table));
}
