/** What one session has set up for itself, as far as its statements' meaning depends on it. */
import { charsetOfName, type MultiByteCharset } from '../sql/charset.ts';
import type { SqlMode } from '../sql/sql-mode.ts';
import type { BoundValue } from '../wire/bound-values.ts';
import { STATUS } from '../wire/protocol.ts';
import { type AnsiQuotes, ansiQuotesIn } from './ansi-quotes.ts';
import { boundValue, knownText } from './known-value.ts';
import { type LoginNames, namesAfterReset, namesAtLogin } from './login-names.ts';
import { type NamedStatement, NamedStatements, staysAsWritten } from './named-statements.ts';
import type { ReplayContext } from './replay-context.ts';
import { PLAIN_BEGINNING, type ServerBeginning, type SessionBeginning } from './session-beginning.ts';
import type { AssignedValue, IsolationLevel, SessionEffect } from './session-effect.ts';
import type { SessionReads } from './session-reads.ts';
import { heldAtLogin, SessionSettings } from './session-settings.ts';
import { SessionValues, type UserValue } from './session-values.ts';
import type { ServerKind } from './sql-modes.ts';
import { TemporaryTables } from './temporary-tables.ts';
import type { TextCharsets } from './text-charsets.ts';

const UNKNOWN_VALUE: UserValue = { what: 'unknown' };

/** It takes the connection's character set from the database, which may have another one on the new server. */
const OF_DATABASE = /^SET CHARACTER SET\b/i;

type SettingEffect = Extract<SessionEffect, { what: 'variable' }>;

export class SessionState {
  /** Affected rows are told to the client as rows matched. */
  readonly foundRows: boolean;
  readonly statements = new NamedStatements();
  values = new SessionValues();
  /** False: commands are under way that may set user variables. */
  valuesStand = true;
  temporary = new TemporaryTables();
  readonly #mapDatabase: (database: string) => string;
  #database: string | null;
  #settings: SessionSettings;
  #charset: MultiByteCharset;
  /** Of the login, or of the latest COM_CHANGE_USER. */
  #collation: number | null;
  #mode: SqlMode;
  #modeFlags = 0;
  /** The status flags tell of double quotes, whatever was set. */
  readonly #flagsTell: boolean;
  readonly #primary: ServerKind | null;
  readonly #server: ServerBeginning;
  #beginning: SessionBeginning;
  #weak: boolean;
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
      /** The sql_mode with which the primary begins a session. */
      defaultMode?: string | null;
      /** Left out: a session begins with nothing that a lane does not have. */
      beginning?: SessionBeginning;
      /** Tells of sessions that begin later, and so what DEFAULT means. Left out: they begin as this one does. */
      server?: ServerBeginning;
    },
    mapDatabase: (database: string) => string,
  ) {
    this.foundRows = login.foundRows;
    this.#mapDatabase = mapDatabase;
    this.#database = login.database;
    this.#collation = login.collation;
    this.#primary = login.primary ?? null;
    const { defaultMode = null, beginning = PLAIN_BEGINNING, defaultQuotes } = login;
    this.#beginning = beginning;
    this.#server = login.server ?? { sqlMode: defaultMode, beginning, quotes: defaultQuotes ?? 'off' };
    const begun = { primary: this.#primary, server: this.#server, defaultMode, beginning };
    const names = namesAtLogin(login.collation, this.#primary, beginning);
    this.#settings = new SessionSettings(begun, heldAtLogin(names));
    this.#charset = names.charset;
    this.#weak = beginning.isolation !== 'locking';
    this.#flagsTell = defaultQuotes === null;
    this.#quotes = defaultQuotes ?? 'off';
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
      defaultQuotes: this.#flagsTell ? null : this.#quotes,
      primary: this.#primary,
      server: this.#server,
      // What init_connect has set is among the variables.
      beginning: { ...this.#beginning, effects: [] },
    };
    const copy = new SessionState(login, this.#mapDatabase);
    copy.#quotes = this.#quotes;
    copy.#settings = this.#settings.copy();
    copy.#charset = this.#charset;
    copy.#collation = this.#collation;
    copy.#mode = this.#mode;
    copy.#modeFlags = this.#modeFlags;
    copy.temporary = this.temporary.copy();
    copy.values = this.values.copy();
    copy.valuesStand = this.valuesStand;
    this.statements.copyTo(copy.statements);
    copy.#weak = this.#weak;
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
    return this.#settings.context(this.#database === null ? null : this.#mapDatabase(this.#database));
  }

  /** False: something that replays depend on was set to a value that is not known, or that they can't have. */
  get contextKnown(): boolean {
    return this.#settings.known;
  }

  /**
   * False: whether a double quote begins a name is not known. Statements are then read as if it did, so that no
   * table is missed; their keys may be read wrong.
   */
  get quotesKnown(): boolean {
    return this.#quotes !== 'unknown';
  }

  /** False: others may change what a transaction has looked at before it ends, or that can't be told. */
  get locksHold(): boolean {
    return !this.#weak;
  }

  /** The assignments that give a lane what a write reads of the session; null: they are not known. */
  settingsFor(reads: SessionReads): readonly string[] | null {
    return this.values.settingsFor(reads, this.#settings.words);
  }

  /** Status flags of a reply: they tell how strings are quoted from here on. */
  sawStatus(status: number): void {
    const flags = status & (STATUS.NO_BACKSLASH_ESCAPES | STATUS.ANSI_QUOTES);
    if (flags === this.#modeFlags && this.#mode.charset === this.#charset) return;
    this.#modeFlags = flags;
    this.#mode = this.#makeMode();
  }

  /** Reads on as a sql_mode that was just set has it, before the server tells. False: it is not known. */
  expectMode(): boolean {
    const { mode } = this.#settings;
    const quotes = mode === null ? 'unknown' : ansiQuotesIn(`'${mode}'`);
    if (mode === null || quotes === 'unknown') return false;
    const escapes = /\bno_backslash_escapes\b/i.test(mode) ? STATUS.NO_BACKSLASH_ESCAPES : 0;
    this.sawStatus(escapes | (quotes === 'on' ? STATUS.ANSI_QUOTES : 0));
    return true;
  }

  #makeMode(): SqlMode {
    return {
      noBackslashEscapes: (this.#modeFlags & STATUS.NO_BACKSLASH_ESCAPES) !== 0,
      ansiQuotes: (this.#modeFlags & STATUS.ANSI_QUOTES) !== 0 || this.#quotes !== 'off',
      charset: this.#charset,
    };
  }

  /** All that one statement does: what it assigns is as it was before it, whatever it sets itself. */
  applyAll(effects: readonly SessionEffect[]): void {
    for (const change of effects.map((effect) => this.#change(effect))) change();
  }

  apply(effect: SessionEffect): void {
    this.#change(effect)();
  }

  /** What it comes to in the session as it is, to be done at once or later. */
  #change(effect: SessionEffect): () => void {
    switch (effect.what) {
      case 'use':
        return () => {
          this.#database = effect.database;
        };
      case 'names':
        return () => this.#setNames(effect.statement, charsetOfName(effect.charset));
      case 'variable': {
        const value = this.#settingOf(effect);
        return () => this.#setVariable(effect.name, value);
      }
      case 'user_variable': {
        const value = this.#valueOf(effect.value);
        return () => this.values.assign(effect.name, value);
      }
      case 'isolation':
        return () => this.#setIsolation(effect.level, effect.scope);
      case 'prepare': {
        const statement = this.statementOf(effect.text);
        return () => this.statements.put(effect.name, statement);
      }
      case 'deallocate':
        return () => this.statements.put(effect.name, null);
      case 'autocommit':
        return () => {};
    }
  }

  /** What ran can't be seen into: a `routine`, or a text of which `anything` may be expected. */
  hidden(what: 'routine' | 'anything'): void {
    this.#settings.hidden(what);
    if (what === 'anything' && !this.#flagsTell) this.#setQuotes('unknown');
    this.values.setTime(null);
    this.values.forget(null);
    this.values.lastInsertId = null;
    this.#weak = true;
    this.temporary.doubtAll();
    if (what === 'anything') this.statements.clear();
  }

  /** The statement that a text stands for; null: it is not known. */
  statementOf(text: AssignedValue): NamedStatement | null {
    const { words } = this.#settings;
    const sql = knownText(this.#valueOf(text), words, this.#mode);
    const isLiteral = text !== null && 'literal' in text;
    const charset = this.#settings.valueOf('character_set_client');
    if (sql === null || (isLiteral && !staysAsWritten(sql, charset, this.#primary))) return null;
    return { sql, mode: this.#mode, database: this.#database, words };
  }

  /** By what its way of reading texts is told from another: equal where a text means the same. */
  get words(): string {
    return this.#settings.words;
  }

  /** The character sets that its texts pass on their way. */
  get textCharsets(): TextCharsets {
    return this.#settings.textCharsets;
  }

  /** A value as a parameter of EXECUTE … USING; null: it is not known. */
  boundValueOf(value: AssignedValue): BoundValue | null {
    return this.valuesStand ? boundValue(this.#valueOf(value), this.#settings.words, this.#mode) : null;
  }

  /** `next`: strong for the next transaction alone is as if not set; weak for it counts until the session's is set. */
  #setIsolation(level: IsolationLevel, scope: 'session' | 'next'): void {
    const weak = level === 'default' ? this.#server.beginning.isolation !== 'locking' : level === 'weak';
    this.#weak = scope === 'session' ? weak : this.#weak || weak;
  }

  #settingOf({ name, value, mode, from }: SettingEffect): string | null {
    if (mode !== undefined) return this.#settings.editedMode(mode);
    if (from === undefined || 'setting' in from) return value;
    return this.values.settingFrom(from.userVariable, name);
  }

  #valueOf(value: AssignedValue): UserValue {
    if (value === null) return UNKNOWN_VALUE;
    if ('userVariable' in value) return this.values.variable(value.userVariable);
    if ('setting' in value) {
      if (value.setting === 'last_insert_id') return this.values.lastInsertIdValue();
      const sql = this.#settings.valueOf(value.setting);
      return sql === null ? UNKNOWN_VALUE : { what: 'saved', setting: value.setting, sql };
    }
    const { literal, form } = value;
    if (form === 'plain') return { what: 'plain', sql: literal.toLowerCase() === 'null' ? 'NULL' : literal };
    return { what: 'text', sql: literal, words: this.#settings.words, form };
  }

  /** COM_RESET_CONNECTION: all but the database is as the server begins sessions now. */
  reset(): void {
    this.#beginAnew(namesAfterReset(this.#collation, this.#primary, this.#server.beginning));
  }

  /** COM_CHANGE_USER: as after a new login; a collation of null is the server's default. */
  changeUser(database: string | null, collation: number | null): void {
    this.#collation = collation;
    this.#beginAnew(namesAtLogin(collation, this.#primary, this.#server.beginning));
    this.#database = database;
  }

  #beginAnew(names: LoginNames): void {
    this.#beginning = this.#server.beginning;
    this.temporary = new TemporaryTables();
    this.values = new SessionValues();
    this.statements.clear();
    this.#weak = this.#beginning.isolation !== 'locking';
    this.#setQuotes(this.#flagsTell ? 'off' : this.#server.quotes);
    this.#settings.reset(names);
    this.#setCharset(names.charset);
  }

  #setNames(statement: string, charset: MultiByteCharset): void {
    this.#settings.setNames(statement);
    const { databases } = this.#server.beginning;
    if (OF_DATABASE.test(statement) && databases !== null) {
      const collation = this.#database === null ? undefined : databases.get(this.#database);
      this.#settings.follow('collation_connection', collation === undefined ? null : `'${collation}'`);
    }
    this.#setCharset(charset);
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
    this.#settings.follow(name, value);
    switch (name) {
      case 'timestamp':
        this.#settings.know(name, this.values.setTime(value));
        return;
      case 'last_insert_id':
      case 'identity':
        this.values.setLastInsertId(value);
        return;
      case 'sql_mode':
        if (this.#flagsTell) return;
        this.#setQuotes(value?.toLowerCase() === 'default' ? this.#server.quotes : ansiQuotesIn(value));
        return;
      case 'character_set_client':
        if (value !== null) this.#setCharset(charsetOfName(value.replace(/^['"`]|['"`]$/g, '')));
    }
  }
}
