/**
 * The commits of one shard's sessions that are sent and not answered. Until it is answered nobody knows what came before
 * a commit: the server may have let go of its locks, and another session's write of the same rows been answered first.
 */
import { Chain, type Chained } from '../base/chain.ts';
import type { TableKey } from './table-key.ts';
import { doubtedBy, REACH, reachOf } from './write-reach.ts';
import type { WriteSpan } from './write-span.ts';
import type { Writer } from './writer.ts';

/** A commit, and the writes that it may commit. */
export interface Commit extends Chained<Commit> {
  readonly writer: Writer;
  readonly spans: WriteSpan[];
}

/** What is in doubt of a write for the commits that are under way as it goes to the mirror. */
export interface Unordered {
  readonly keys: readonly TableKey[];
  readonly tables: readonly string[];
}

const NOTHING: Unordered = { keys: [], tables: [] };

export class CommittingWrites {
  readonly #commits = new Chain<Commit>();
  /** Writes among them that may touch any row. */
  #keyless = 0;

  get size(): number {
    return this.#commits.length;
  }

  sent(commit: Commit): void {
    this.#commits.add(commit);
    for (const span of commit.spans) if (isKeyless(span)) this.#keyless++;
  }

  /** A write was answered whose commit was sent ahead of that. */
  joined(commit: Commit, span: WriteSpan): void {
    commit.spans.push(span);
    if (isKeyless(span)) this.#keyless++;
  }

  answered(commit: Commit): void {
    this.#commits.remove(commit);
    for (const span of commit.spans) if (isKeyless(span)) this.#keyless--;
  }

  /**
   * By the tables alone: of two writes that are known by their keys, those tell. Of one row by row and one by its keys,
   * the keys are in doubt, whichever of the two it is that goes first.
   */
  met(own: WriteSpan): Unordered {
    if (this.#commits.length === 0 || (this.#keyless === 0 && !isKeyless(own))) return NOTHING;
    const keys = new Map<string, TableKey>();
    const tables = new Set<string>();
    const reach = reachOf(own.target);
    for (const { writer, spans } of this.#commits) {
      if (writer === own.writer) continue;
      for (const span of spans) {
        const shared = own.target.tables.filter((table) => span.target.tables.includes(table));
        if (shared.length === 0) continue;
        const other = reachOf(span.target);
        if (doubtedBy(reach, other) === 'table') for (const table of shared) tables.add(table);
        else if (reach === REACH.keys && other === REACH.rows)
          for (const key of own.target.keys) keys.set(key.tag, key);
        else if (reach === REACH.rows) for (const key of span.target.keys) keys.set(key.tag, key);
      }
    }
    return { keys: [...keys.values()], tables: [...tables] };
  }
}

function isKeyless({ target }: WriteSpan): boolean {
  return reachOf(target) >= REACH.rows;
}
