/** The names of a session's temporary tables; bounded. */

/** Names beyond these are not told apart: the session's statements are not mirrored. */
const TABLES_MAX = 1000;

export class TemporaryTables {
  /** Null in the many sessions that create none. */
  #names: Set<string> | null = null;

  copy(): TemporaryTables {
    const copy = new TemporaryTables();
    copy.#names = this.#names && new Set(this.#names);
    return copy;
  }

  get some(): boolean {
    return this.#names !== null && this.#names.size > 0;
  }

  /** False: there are more than can be told apart. */
  get told(): boolean {
    return this.#names === null || this.#names.size < TABLES_MAX;
  }

  /** More than can be told apart count as every table. */
  has(table: string): boolean {
    return !this.told || this.#names?.has(table) === true;
  }

  created(table: string): void {
    this.#names ??= new Set();
    if (this.told) this.#names.add(table);
  }

  dropped(table: string): void {
    if (this.told) this.#names?.delete(table);
  }
}
