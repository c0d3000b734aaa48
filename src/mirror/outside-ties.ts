/**
 * By what a write to a table of another database changes rows of the shard's: foreign keys, triggers and views. Names
 * are compared without regard to case, as some servers do: one tie too many is a doubt too many, and no more.
 */
import type { OutsideTie, Place } from './old-schema.ts';
import { ANY_CHANGE, type Change, cascades } from './row-change.ts';

export class OutsideTies {
  readonly #byPlace = new Map<string, OutsideTie[]>();

  constructor(ties: readonly OutsideTie[]) {
    for (const tie of ties) {
      const known = this.#byPlace.get(nameOf(tie.at));
      if (known === undefined) this.#byPlace.set(nameOf(tie.at), [tie]);
      else known.push(tie);
    }
  }

  /** The shard's tables that these changes of another database's table change, through others perhaps; null: any. */
  reached(from: Place, changes: readonly Change[]): ReadonlySet<string> | null {
    const found = new Set<string>();
    if (this.#byPlace.size === 0) return found;
    const seen = new Set<string>();
    const waiting: { at: Place; changes: readonly Change[] }[] = [{ at: from, changes }];
    for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
      for (const { on, reaches } of this.#byPlace.get(nameOf(step.at)) ?? []) {
        if (!step.changes.some((change) => acts(on, change))) continue;
        if (reaches === null) return null;
        for (const at of reaches) {
          if (at.database === null) found.add(at.table);
          else if (!seen.has(nameOf(at))) waiting.push({ at, changes: ANY_CHANGE });
          seen.add(nameOf(at));
        }
      }
    }
    return found;
  }
}

function acts(on: OutsideTie['on'], change: Change): boolean {
  if (on.what === 'key') return cascades(on.key, change);
  return on.what === 'view' || on.event === change.event;
}

function nameOf({ database, table }: Place): string {
  return JSON.stringify([database?.toLowerCase() ?? null, table.toLowerCase()]);
}
