/** What came of a run: counts, and the statements that were read wrong, for the terminal alone. */

export interface Finding {
  readonly what: string;
  readonly file: string;
  readonly text: string;
}

const FINDINGS_KEPT_MAX = 2000;
const TEXT_KEPT_MAX = 400;

export class Tally {
  readonly #counts = new Map<string, number>();
  readonly findings: Finding[] = [];
  /** Digests of reads, writes and deletes: whether the parser read them. */
  readonly digests = new Map<string, boolean>();

  add(what: string, count = 1): void {
    this.#counts.set(what, this.count(what) + count);
  }

  count(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  /** The counts whose names begin so, without that beginning. */
  group(prefix: string): readonly (readonly [string, number])[] {
    return [...this.#counts]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, count]) => [name.slice(prefix.length), count] as const)
      .toSorted(([, left], [, right]) => right - left);
  }

  find(what: string, file: string, text: string): void {
    if (this.findings.length === FINDINGS_KEPT_MAX) return;
    this.findings.push({ what, file, text: text.slice(0, TEXT_KEPT_MAX) });
  }
}
