/** The variables of one session that its replays depend on, and the character set that it speaks. */
import {
  CARRIED,
  FIXED,
  isSameSetting,
  settingSql,
  shownSql,
  variableClass,
} from '../sql/session-variables.ts';
import { namedIn } from './character-names.ts';
import type { LoginNames } from './login-names.ts';
import { editedMode, type ModeEdit, modeText } from './mode-edit.ts';
import { NAMES_VARIABLES, type ReplayContext, sharedContext } from './replay-context.ts';
import { ANY_VARIABLE, type ServerBeginning, type SessionBeginning } from './session-beginning.ts';
import type { ServerKind } from './sql-modes.ts';
import { type TextCharsets, textCharsets } from './text-charsets.ts';
import { BEFORE_MODE } from './words-since.ts';

const NOTHING_SET: ReadonlyMap<string, string> = new Map();
/** What a routine may set for good; the servers put sql_mode and the character sets of statements back behind it. */
const NOT_PUT_BACK = [...CARRIED.keys()].filter((name) => !['sql_mode', ...NAMES_VARIABLES].includes(name));

const NOT_KNOWN: TextCharsets = { client: null, connection: null };

/** Of sessions that have set nothing, this many for each way to begin: by what they begin with, and by the rest of what makes a context. */
const BEGUN_MAX = 1000;
const begun = new WeakMap<SessionBeginning, Map<string, ReplayContext>>();

/** With what a session began, its sql_mode apart; `server` goes on, and tells what DEFAULT means today. */
export interface Begun {
  readonly primary: ServerKind | null;
  readonly server: ServerBeginning;
  /** The sql_mode with which the primary began the session. */
  readonly defaultMode: string | null;
  readonly beginning: SessionBeginning;
}

/** What a session has set, by its login or since. */
interface SettingsHeld {
  /** The character sets, as `LoginNames.statement`. */
  readonly names: string;
  /** Null, as the one below, in sessions that never need it: most set nothing. */
  readonly set: Map<string, string> | null;
  /** Variables that were set to something unknown, or to what a replay can't have. */
  readonly unknown: Set<string> | null;
}

/** What a session has set as it begins. */
export function heldAtLogin({ statement, settings, known }: LoginNames): SettingsHeld {
  return {
    names: statement,
    set: settings.size === 0 ? null : new Map(settings),
    unknown: known ? null : new Set(NAMES_VARIABLES),
  };
}

export class SessionSettings {
  readonly #primary: ServerKind | null;
  readonly #server: ServerBeginning;
  #defaultMode: string | null;
  #beginning: SessionBeginning;
  #names: string;
  #set: Map<string, string> | null;
  #unknown: Set<string> | null;
  #context: ReplayContext | null = null;
  /** These two are made when they are asked for. */
  #words: string | null = null;
  #textCharsets: TextCharsets | null = null;

  constructor({ primary, server, defaultMode, beginning }: Begun, { names, set, unknown }: SettingsHeld) {
    this.#primary = primary;
    this.#server = server;
    this.#defaultMode = defaultMode;
    this.#beginning = beginning;
    this.#names = names;
    this.#set = set;
    this.#unknown = unknown;
  }

  copy(): SessionSettings {
    const begun = {
      primary: this.#primary,
      server: this.#server,
      defaultMode: this.#defaultMode,
      beginning: this.#beginning,
    };
    return new SessionSettings(begun, {
      names: this.#names,
      set: this.#set && new Map(this.#set),
      unknown: this.#unknown && new Set(this.#unknown),
    });
  }

  /** The connection was reset, or its user changed: it is as the server begins sessions now. */
  reset(names: LoginNames): void {
    this.#defaultMode = this.#server.sqlMode;
    this.#beginning = this.#server.beginning;
    this.#context = null;
    this.#wordsChanged();
    const held = heldAtLogin(names);
    this.#names = held.names;
    this.#set = held.set;
    this.#unknown = held.unknown;
  }

  /** False: something that replays depend on was set to a value that is not known, or that they can't have. */
  get known(): boolean {
    const set = this.#set;
    const begins = this.#beginning.unknown.every((name) => set?.has(name) === true);
    return begins && (this.#unknown === null || this.#unknown.size === 0);
  }

  /** What a replay needs on its lane; `database`: the lane's. */
  context(database: string | null): ReplayContext {
    if (this.#context !== null && this.#context.database === database) return this.#context;
    this.#context =
      this.#set === null || this.#set.size === 0
        ? this.#begunContext(database)
        : this.#makeContext(database, this.#set);
    return this.#context;
  }

  /** Most sessions need no more than a look-up. */
  #begunContext(database: string | null): ReplayContext {
    const kept = begun.get(this.#beginning) ?? new Map<string, ReplayContext>();
    begun.set(this.#beginning, kept);
    const key = `${database} ${this.#names} ${this.#primary} ${this.#defaultMode}`;
    let context = kept.get(key);
    if (context === undefined) {
      context = this.#makeContext(database, NOTHING_SET);
      if (kept.size >= BEGUN_MAX) kept.clear();
      kept.set(key, context);
    }
    return context;
  }

  /** A lane's own settings are the new server's: what the session has not set is as the old server begins one. */
  #makeContext(database: string | null, set: ReadonlyMap<string, string>): ReplayContext {
    const settings = new Map(this.#beginning.settings);
    if (this.#defaultMode !== null) settings.set('sql_mode', `'${this.#defaultMode}'`);
    for (const [name, value] of set) settings.set(name, value);
    return sharedContext(database, this.#names, settings, this.#primary);
  }

  setNames(statement: string): void {
    this.#context = null;
    this.#names = statement;
    for (const name of NAMES_VARIABLES) this.#forget(name);
  }

  /** `value`: SQL; null: not known. Variables that leave rows as they are, or are followed apart, are passed over. */
  follow(name: string, value: string | null): void {
    const kind = variableClass(name);
    if (kind === 'harmless' || kind === 'apart') return;
    this.#context = null;
    this.#forget(name);
    // Each of these two sets the other as well.
    if (name === 'character_set_connection') this.#forget('collation_connection');
    if (name === 'collation_connection') this.#forget('character_set_connection');
    const asked = value?.toLowerCase() === 'default' ? this.#defaultOf(name) : value;
    if (asked === 'as_begun') return;
    const kept = asked === null ? null : replayed(name, asked);
    if (kept === null) this.#notKnown(name);
    else {
      this.#set ??= new Map();
      this.#set.set(name, kept);
    }
  }

  /**
   * What DEFAULT is now, as SQL: the server's global value, whatever the session began with. Null: not known.
   * `as_begun`: as in a session that has not set it.
   */
  #defaultOf(name: string): string | null | 'as_begun' {
    const { sqlMode, beginning } = this.#server;
    if (beginning.unknown.includes(name) || beginning.unknown.includes(ANY_VARIABLE)) return null;
    // The login, or SET NAMES, has set these.
    if (NAMES_VARIABLES.includes(name)) return beginning.names.get(name) ?? 'DEFAULT';
    if (name === 'sql_mode')
      return sqlMode === null || sqlMode === this.#defaultMode ? 'as_begun' : `'${sqlMode}'`;
    const began = this.#beginning;
    const now = beginning.settings.get(name) ?? usualSql(name);
    const isAsBegun = began.settings.get(name) === beginning.settings.get(name);
    return now === null || (isAsBegun && !began.unknown.includes(name)) ? 'as_begun' : now;
  }

  /** Of a variable whose value is followed elsewhere: whether it is known. */
  know(name: string, isKnown: boolean): void {
    if (isKnown) this.#unknown?.delete(name);
    else this.#notKnown(name);
  }

  /** What ran can't be seen into: a `routine`, or a text of which `anything` may be expected. */
  hidden(what: 'routine' | 'anything'): void {
    this.#context = null;
    const names = what === 'routine' ? NOT_PUT_BACK : CARRIED.keys();
    for (const name of names) this.follow(name, null);
    this.#notKnown(ANY_VARIABLE);
  }

  /** What sets it to what it is now; null: not known. */
  valueOf(name: string): string | null {
    if (this.#unknown?.has(name) === true || this.#unknown?.has(ANY_VARIABLE) === true) return null;
    const set = this.#set?.get(name);
    if (set !== undefined) return set;
    // These are not what they were a moment later.
    if (this.#beginning.unknown.includes(name) || variableClass(name) === 'apart') return null;
    if (NAMES_VARIABLES.includes(name)) return namedIn(this.#names, name);
    // DEFAULT may be another value by the time that it is set back.
    if (name === 'sql_mode' && this.#defaultMode !== null) return `'${this.#defaultMode}'`;
    return this.#beginning.settings.get(name) ?? usualSql(name) ?? 'default';
  }

  /** sql_mode as it is; null: not known. */
  get mode(): string | null {
    if (this.#unknown?.has('sql_mode') === true) return null;
    const set = this.#set?.get('sql_mode');
    return set === undefined ? this.#defaultMode : modeText(set);
  }

  /** What an expression makes of sql_mode, as SQL; null: not known. */
  editedMode(edit: ModeEdit): string | null {
    const { sqlMode, beginning } = this.#server;
    return editedMode(edit, this.mode, beginning.unknown.includes(ANY_VARIABLE) ? null : sqlMode);
  }

  /** The way of its texts to the server's columns; made when it is asked for. */
  get textCharsets(): TextCharsets {
    if (this.#textCharsets === null) {
      const isKnown = NAMES_VARIABLES.every((name) => this.#unknown?.has(name) !== true);
      this.#textCharsets = isKnown
        ? textCharsets(
            (name) => this.valueOf(name),
            (name) => this.#set?.has(name) === true,
          )
        : NOT_KNOWN;
    }
    return this.#textCharsets;
  }

  /** By what a literal's value and collation are told from another's of the same bytes. */
  get words(): string {
    this.#words ??= this.#makeWords();
    return this.#words;
  }

  #makeWords(): string {
    const names = [this.#names, ...NAMES_VARIABLES.map((name) => this.#wordOf(name))];
    return names.join() + BEFORE_MODE + (this.mode ?? this.#wordOf('sql_mode'));
  }

  #wordOf(name: string): string {
    return this.#unknown?.has(name) === true ? '?' : (this.#set?.get(name) ?? '');
  }

  #wordsChanged(): void {
    this.#words = null;
    this.#textCharsets = null;
  }

  #notKnown(name: string): void {
    this.#wordsChanged();
    this.#unknown ??= new Set();
    this.#unknown.add(name);
  }

  #forget(name: string): void {
    this.#wordsChanged();
    this.#set?.delete(name);
    this.#unknown?.delete(name);
  }
}

/** What a replay has the variable at, whatever a session does; null: that is no one value. */
function usualSql(name: string): string | null {
  const fixed = FIXED.get(name);
  return fixed === undefined || fixed.usual === null ? null : shownSql(fixed, fixed.usual);
}

/** The value as a replay gets it; null: it can't have it. */
function replayed(name: string, value: string): string | null {
  const carried = CARRIED.get(name);
  if (carried !== undefined) return settingSql(carried, value);
  const fixed = FIXED.get(name);
  if (fixed === undefined || fixed.usual === null) return null;
  const usual = shownSql(fixed, fixed.usual);
  const asked = settingSql(fixed, value);
  return asked !== null && isSameSetting(usual, asked) ? usual : null;
}
