/** The procedures and stored functions of the newest reading of the schema, while nobody has changed them since. */
import type { RoutineCall } from '../sql/plan.ts';
import type { Routine } from './old-schema.ts';

export class KnownRoutines {
  #all: readonly Routine[] = [];
  #byName = new Map<string, Routine>();
  #settled = false;
  #changedMeanwhile = false;
  #version = 0;

  get version(): number {
    return this.#version;
  }

  find(database: string, { what, name }: RoutineCall): Routine | null {
    return this.#settled ? (this.#byName.get(keyOf(what, database, name)) ?? null) : null;
  }

  unsettle(): void {
    this.#settled = false;
    this.#changedMeanwhile = true;
    this.#version++;
  }

  /** What changes from here on, this reading must not vouch for. */
  beginReading(): void {
    this.#changedMeanwhile = false;
  }

  learn(routines: readonly Routine[]): void {
    if (this.#changedMeanwhile || (this.#settled && isSame(routines, this.#all))) return;
    this.#all = routines;
    this.#byName = new Map(routines.map((each) => [keyOf(each.what, each.database, each.name), each]));
    this.#settled = true;
    this.#version++;
  }
}

/** In the order in which they are read. */
function isSame(some: readonly Routine[], others: readonly Routine[]): boolean {
  return some.length === others.length && some.every((each, index) => sameRoutine(each, others[index]!));
}

function sameRoutine(a: Routine, b: Routine): boolean {
  const sameName = a.what === b.what && a.database === b.database && a.name === b.name;
  return sameName && a.body === b.body && a.sqlMode === b.sqlMode;
}

/** Their names don't depend on case. */
function keyOf(what: Routine['what'], database: string, name: string): string {
  return `${what} ${database}.${name.toLowerCase()}`;
}
