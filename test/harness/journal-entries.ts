/** What a shard's journal holds, asked of a running proxy, and whether it excuses the rows that differ. */
import type { Doubt } from '../../src/journal/journal.ts';
import type { Proxy as RunningProxy } from './proxy.ts';
import type { DifferingRow } from './row-differences.ts';

export interface JournalEntries {
  readonly entries: readonly Doubt[];
  /** Behind the last of them. */
  readonly cursor: string;
  /** Entries were lost: a full pass is owed, and nothing can be told from what is left. */
  readonly reset: boolean;
}

/** How the journal covers rows that differ: each row is counted once, under the first that holds. */
export interface Coverage {
  /** Its key stands there under a reason other than `written`. */
  readonly byKey: number;
  /** Its table, or any table (`*`), stands there under a reason other than `written`. */
  readonly byTable: number;
  /** Its key was written, and no more is known. */
  readonly byWrittenKey: number;
  /** Something of its table, or of any, was written, and no more is known. */
  readonly byWrittenTable: number;
  readonly uncovered: readonly DifferingRow[];
}

const PAGE = 10_000;

/** Every page of `GET /api/journal`. */
export async function readJournal(proxy: RunningProxy, shard: string): Promise<JournalEntries> {
  const entries: Doubt[] = [];
  let cursor = '';
  for (;;) {
    const query = new URLSearchParams({ shard, cursor, limit: String(PAGE) });
    const response = await fetch(`${proxy.adminUrl}/api/journal?${query}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`GET /api/journal answered ${response.status}: ${text}`);
    const page = JSON.parse(text) as { entries: Doubt[]; cursor: string; reset: boolean };
    entries.push(...page.entries);
    if (page.reset) return { entries, cursor: page.cursor, reset: true };
    if (page.entries.length < PAGE) return { entries, cursor: page.cursor, reset: false };
    cursor = page.cursor;
  }
}

export function coverage(differing: readonly DifferingRow[], entries: readonly Doubt[]): Coverage {
  const doubts = namesOf(entries.filter(({ reason }) => reason !== 'written'));
  const written = namesOf(entries.filter(({ reason }) => reason === 'written'));
  const counts = { byKey: 0, byTable: 0, byWrittenKey: 0, byWrittenTable: 0 };
  const uncovered: DifferingRow[] = [];
  for (const row of differing) {
    const { table, key } = row;
    const wide = (names: ReadonlySet<string>): boolean =>
      names.has(nameOf(table, null)) || names.has(nameOf('*', null));
    if (doubts.has(nameOf(table, key))) counts.byKey += 1;
    else if (wide(doubts)) counts.byTable += 1;
    else if (written.has(nameOf(table, key))) counts.byWrittenKey += 1;
    else if (wide(written)) counts.byWrittenTable += 1;
    else uncovered.push(row);
  }
  return { ...counts, uncovered };
}

function namesOf(entries: readonly Doubt[]): ReadonlySet<string> {
  return new Set(entries.map(({ table, key }) => nameOf(table, key)));
}

function nameOf(table: string, key: string | null): string {
  return JSON.stringify([table, key]);
}
