/** What one session has set up for itself, as far as its statements' meaning depends on it. */
import { charsetOfCollation, charsetOfName, type MultiByteCharset } from '../sql/charset.ts';
import type { SqlMode } from '../sql/sql-mode.ts';
import { STATUS } from '../wire/protocol.ts';
import { type AnsiQuotes, ansiQuotesIn } from './ansi-quotes.ts';
import { setNamesFor } from './character-names.ts';
import { editedMode, modeText } from './mode-edit.ts';
import { FOLLOWED_VARIABLES, makeContext, NAMES_VARIABLES, type ReplayContext } from './replay-context.ts';
import { PLAIN_BEGINNING, type SessionBeginning } from './session-beginning.ts';
import type { SessionEffect } from './session-effect.ts';
import type { ServerKind } from './sql-modes.ts';

/** Names of temporary tables beyond these are not told apart: the session's statements are not mirrored. */
const TEMPORARY_TABLES_MAX = 1000;
const NOTHING_SET: ReadonlyMap<string, string> = new Map();

/** Contexts differ by few values, so sessions share them: lanes compare by identity of the text. */
const CONTEXTS_MAX = 1000;
const contexts = new Map<string, ReplayContext>();

function shared(context: ReplayContext): ReplayContext {
  const known = contexts.get(context.id);
  if (known !== undefined) return known;
  if (contexts.size >= CONTEXTS_MAX) contexts.clear();
  contexts.set(context.id, context);
  return context;
}

export class SessionState {
  /** Affected rows are told to the client as rows matched. */
  readonly foundRows: boolean;
  readonly #mapDatabase: (database: string) => string;
  #database: string | null;
  #names: string;
  #charset: MultiByteCharset;
  /** Null, as the two below, in sessions that never need it: most set and create nothing. */
  #variables: Map<string, string> | null = null;
  /** Variables that were set to something unknown. */
  #unknown: Set<string> | null = null;
  #temporary: Set<string> | null = null;
  /** Of the login; the server falls back to it when the connection is reset. */
  #collation: number | null;
  #context: ReplayContext | null = null;
  #mode: SqlMode;
  #modeFlags = 0;
  /** What a new session of this server has; null: the status flags tell, whatever was set. */
  readonly #defaultQuotes: AnsiQuotes | null;
  readonly #primary: ServerKind | null;
  /** The sql_mode with which the primary begins a session. */
  readonly #defaultMode: string | null;
  readonly #beginning: SessionBeginning;
  /** What sql_mode was set to says of double quotes; `off` where the status flags tell. */
  #quotes: AnsiQuotes;

  /** `mapDatabase` gives the new name of an old database. */
  constructor(
    login: {
      database: string | null;
      collation: number;
      status: number;
      foundRows: boolean;
      defaultQuotes: AnsiQuotes | null;
      /** Left out, or null: not known; then replays are in the lane's own words and mode. */
      primary?: ServerKind | null;
      defaultMode?: string | null;
      /** Left out: a session begins with nothing that a lane does not have. */
      beginning?: SessionBeginning;
    },
    mapDatabase: (database: string) => string,
  ) {
    this.foundRows = login.foundRows;
    this.#mapDatabase = mapDatabase;
    this.#database = login.database;
    this.#collation = login.collation;
    this.#primary = login.primary ?? null;
    this.#defaultMode = login.defaultMode ?? null;
    this.#beginning = login.beginning ?? PLAIN_BEGINNING;
    this.#names = setNamesFor(login.collation, this.#primary);
    this.#charset = charsetOfCollation(login.collation);
    this.#defaultQuotes = login.defaultQuotes;
    this.#quotes = login.defaultQuotes ?? 'off';
    this.#mode = this.#makeMode();
    this.sawStatus(login.status);
    for (const effect of this.#beginning.effects) this.apply(effect);
  }

  /** A copy that goes its own way: what the session will be once statements under way have been carried out. */
  fork(): SessionState {
    const login = {
      database: this.#database,
      collation: 0,
      status: 0,
      foundRows: this.foundRows,
      defaultQuotes: this.#defaultQuotes,
      primary: this.#primary,
      defaultMode: this.#defaultMode,
      // What init_connect has set is among the variables.
      beginning: { ...this.#beginning, effects: [] },
    };
    const copy = new SessionState(login, this.#mapDatabase);
    copy.#quotes = this.#quotes;
    copy.#names = this.#names;
    copy.#charset = this.#charset;
    copy.#collation = this.#collation;
    copy.#mode = this.#mode;
    copy.#modeFlags = this.#modeFlags;
    copy.#variables = this.#variables && new Map(this.#variables);
    copy.#unknown = this.#unknown && new Set(this.#unknown);
    copy.#temporary = this.#temporary && new Set(this.#temporary);
    return copy;
  }

  get database(): string | null {
    return this.#database;
  }

  /** How the next statement's text is to be read. */
  get sqlMode(): SqlMode {
    return this.#mode;
  }

  /** What the next statement's replay needs on its lane. */
  get context(): ReplayContext {
    this.#context ??= shared(
      makeContext(
        this.#database === null ? null : this.#mapDatabase(this.#database),
        this.#names,
        this.#settings(),
        this.#primary,
      ),
    );
    return this.#context;
  }

  /** A lane's own settings are the new server's: what the session has not set is as the old server begins one. */
  #settings(): ReadonlyMap<string, string> {
    const begun = new Map(this.#beginning.settings);
    if (this.#defaultMode !== null) begun.set('sql_mode', `'${this.#defaultMode}'`);
    return new Map([...begun, ...(this.#variables ?? NOTHING_SET)]);
  }

  /** False: something that replays depend on was set to a value that is not known. */
  get contextKnown(): boolean {
    const set = this.#variables;
    const begun = this.#beginning.unknown.every((name) => set?.has(name) === true);
    return begun && (this.#unknown === null || this.#unknown.size === 0);
  }

  /**
   * False: whether a double quote begins a name is not known. Statements are then read as if it did, so that no
   * table is missed; their keys may be read wrong.
   */
  get quotesKnown(): boolean {
    return this.#quotes !== 'unknown';
  }

  get hasTemporaryTables(): boolean {
    return this.#temporary !== null && this.#temporary.size > 0;
  }

  /** False: there are more temporary tables than can be told apart. */
  get temporaryTold(): boolean {
    return this.#temporary === null || this.#temporary.size < TEMPORARY_TABLES_MAX;
  }

  /** More temporary tables than can be told apart count as every table. */
  isTemporary(table: string): boolean {
    const known = this.#temporary;
    return known !== null && (known.size >= TEMPORARY_TABLES_MAX || known.has(table));
  }

  temporaryCreated(table: string): void {
    this.#temporary ??= new Set();
    if (this.#temporary.size < TEMPORARY_TABLES_MAX) this.#temporary.add(table);
  }

  temporaryDropped(table: string): void {
    const known = this.#temporary;
    if (known !== null && known.size < TEMPORARY_TABLES_MAX) known.delete(table);
  }

  /** Status flags of a reply: they tell how strings are quoted from here on. */
  sawStatus(status: number): void {
    const flags = status & (STATUS.NO_BACKSLASH_ESCAPES | STATUS.ANSI_QUOTES);
    if (flags === this.#modeFlags && this.#mode.charset === this.#charset) return;
    this.#modeFlags = flags;
    this.#mode = this.#makeMode();
  }

  #makeMode(): SqlMode {
    return {
      noBackslashEscapes: (this.#modeFlags & STATUS.NO_BACKSLASH_ESCAPES) !== 0,
      ansiQuotes: (this.#modeFlags & STATUS.ANSI_QUOTES) !== 0 || this.#quotes !== 'off',
      charset: this.#charset,
    };
  }

  apply(effect: SessionEffect): void {
    this.#context = null;
    switch (effect.what) {
      case 'use':
        this.#database = effect.database;
        return;
      case 'names':
        this.#setNames(effect.statement, charsetOfName(effect.charset));
        return;
      case 'variable':
        this.#setVariable(
          effect.name,
          effect.mode === undefined
            ? effect.value
            : editedMode(effect.mode, this.#currentMode(), this.#defaultMode),
        );
        return;
      case 'autocommit':
        return;
    }
  }

  /** COM_RESET_CONNECTION: all but the database is as after the login (on MariaDB, the character set too). */
  reset(): void {
    this.#context = null;
    this.#variables = null;
    this.#unknown = null;
    this.#temporary = null;
    this.#setQuotes(this.#defaultQuotes ?? 'off');
    if (this.#collation === null) this.#setNames('SET NAMES utf8mb4', 'none');
    else this.#setNames(setNamesFor(this.#collation, this.#primary), charsetOfCollation(this.#collation));
  }

  /** COM_CHANGE_USER: as after a new login; a collation of null is the server's default. */
  changeUser(database: string | null, collation: number | null): void {
    this.#collation = collation;
    this.reset();
    this.#database = database;
  }

  #setNames(statement: string, charset: MultiByteCharset): void {
    this.#names = statement;
    for (const name of NAMES_VARIABLES) this.#forget(name);
    this.#setCharset(charset);
  }

  #forget(name: string): void {
    this.#variables?.delete(name);
    this.#unknown?.delete(name);
  }

  #currentMode(): string | null {
    if (this.#unknown?.has('sql_mode') === true) return null;
    const set = this.#variables?.get('sql_mode');
    return set === undefined ? this.#defaultMode : modeText(set);
  }

  #setQuotes(quotes: AnsiQuotes): void {
    this.#quotes = quotes;
    this.#mode = this.#makeMode();
  }

  #setCharset(charset: MultiByteCharset): void {
    this.#charset = charset;
    this.#mode = { ...this.#mode, charset };
  }

  #setVariable(name: string, value: string | null): void {
    if (!FOLLOWED_VARIABLES.has(name)) return;
    this.#forget(name);
    if (name === 'sql_mode' && this.#defaultQuotes !== null) {
      this.#setQuotes(value?.toLowerCase() === 'default' ? this.#defaultQuotes : ansiQuotesIn(value));
    }
    // Each of these two sets the other as well.
    if (name === 'character_set_connection') this.#forget('collation_connection');
    if (name === 'collation_connection') this.#forget('character_set_connection');
    if (value === null) {
      this.#unknown ??= new Set();
      this.#unknown.add(name);
    } else if (value.toLowerCase() !== 'default' || NAMES_VARIABLES.includes(name)) {
      // A lane's default is what it has, but for those four, which SET NAMES has set there.
      this.#variables ??= new Map();
      this.#variables.set(name, value);
    }
    if (name === 'character_set_client' && value !== null) {
      this.#setCharset(charsetOfName(value.replace(/^['"`]|['"`]$/g, '')));
    }
  }
}
