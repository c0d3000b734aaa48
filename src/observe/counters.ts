/** Counters as plain numbers behind one Map lookup: what the statement path pays for being counted. */
import type { Labels, Sample } from './exposition.ts';

/** Stands for the values that came after a set was full, so that labels stay bounded. */
export const OVERFLOW = 'other';

interface Cell {
  readonly labels: Labels;
  value: number;
}

/** The counters of one label, such as a reason, under labels that are the same for all of them. */
export class CounterSet<Value extends string = string> {
  readonly #cells = new Map<string, Cell>();
  readonly #label: string;
  readonly #labels: Labels;
  readonly #limit: number;

  /**
   * `known` values are exported as 0 from the start, so that `rate()` sees their first increment. Others are
   * admitted until there are `limit` of them all; the rest is counted under `other`.
   */
  constructor(labels: Labels, label: string, known: readonly Value[], limit: number = known.length) {
    this.#labels = labels;
    this.#label = label;
    this.#limit = limit;
    for (const value of known) this.#open(value);
  }

  add(value: Value, amount = 1): void {
    const cell = this.#cells.get(value) ?? this.#admit(value);
    cell.value += amount;
  }

  /** The figures by label value. */
  totals(): Record<string, number> {
    return Object.fromEntries([...this.#cells].map(([value, cell]) => [value, cell.value]));
  }

  samples(): Iterable<Sample> {
    return this.#cells.values();
  }

  #admit(value: string): Cell {
    if (this.#cells.size < this.#limit) return this.#open(value);
    return this.#cells.get(OVERFLOW) ?? this.#open(OVERFLOW);
  }

  #open(value: string): Cell {
    const cell = { labels: { ...this.#labels, [this.#label]: value }, value: 0 };
    this.#cells.set(value, cell);
    return cell;
  }
}

/** Counters of two labels, the first of them the statement kind. */
export class CounterGrid<Kind extends string, Value extends string> {
  readonly #rows = new Map<Kind, CounterSet<Value>>();
  readonly #labels: Labels;
  readonly #label: string;
  readonly #values: readonly Value[];

  /** The combinations of `kinds` and `values` are exported as 0 from the start; another kind from its first use. */
  constructor(labels: Labels, kinds: readonly Kind[], label: string, values: readonly Value[]) {
    this.#labels = labels;
    this.#label = label;
    this.#values = values;
    for (const kind of kinds) this.#open(kind);
  }

  add(kind: Kind, value: Value): void {
    (this.#rows.get(kind) ?? this.#open(kind)).add(value);
  }

  /** The figures by label value, summed over the kinds. */
  totals(): Record<string, number> {
    const sums: Record<string, number> = Object.fromEntries(this.#values.map((value) => [value, 0]));
    for (const row of this.#rows.values()) {
      for (const [value, count] of Object.entries(row.totals())) sums[value] = (sums[value] ?? 0) + count;
    }
    return sums;
  }

  *samples(): Iterable<Sample> {
    for (const row of this.#rows.values()) yield* row.samples();
  }

  #open(kind: Kind): CounterSet<Value> {
    const row = new CounterSet({ ...this.#labels, kind }, this.#label, this.#values);
    this.#rows.set(kind, row);
    return row;
  }
}
