/** The variables of one test file, as far as they can be known without running what the suite's runner runs. */

const NAME = /\\\$|\$(\w+)/g;

export class Variables {
  /** null: assigned, but its value is not known. */
  readonly #values = new Map<string, string | null>();

  /** `folder`: what the tests call their own folder; the suite's data files lie in it. */
  constructor(folder: string) {
    for (const name of ['MYSQLTEST_VARDIR', 'MYSQL_TEST_DIR', 'MYSQL_TMP_DIR'])
      this.#values.set(name, folder);
    for (const engine of ['ENGINE', 'engine_type', 'default_engine']) this.#values.set(engine, 'MyISAM');
  }

  /** The text with the variables' values put in; null where one has none. */
  expand(text: string): string | null {
    let isKnown = true;
    const expanded = text.replaceAll(NAME, (whole, name: string | undefined) => {
      if (name === undefined) return '$';
      const value = this.#values.get(name) ?? null;
      if (value === null) isKnown = false;
      return value ?? whole;
    });
    return isKnown ? expanded : null;
  }

  /** `let`; a value in backticks is a query, whose answer `ask` gives. */
  async set(name: string, written: string, ask: (query: string) => Promise<string | null>): Promise<void> {
    const value = written.trim();
    const query = /^`([\s\S]*)`$/.exec(value)?.[1];
    if (query !== undefined) {
      const expanded = this.expand(query);
      this.#values.set(name, expanded === null ? null : await ask(expanded));
    } else if (/^query_get_value\s*\(/i.test(value)) {
      this.#values.set(name, null);
    } else {
      this.#values.set(name, this.expand(value));
    }
  }
}
