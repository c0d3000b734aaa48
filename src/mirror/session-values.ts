/**
 * Values that a session's statements may read without naming them: its user variables, LAST_INSERT_ID(). Known as
 * far as the wire shows them; bounded.
 */
import type { SessionReads } from './session-reads.ts';

/** What is known of a user variable. */
export type UserValue =
  /** A number or NULL: the same in any session. */
  | { readonly what: 'plain'; readonly sql: string }
  /** A string: its bytes as latin1 characters, quotes included. It means the same where `words` is equal. */
  | {
      readonly what: 'text';
      readonly sql: string;
      readonly words: string;
      readonly form: 'string' | 'composed';
    }
  /** What a setting of the session was when it was kept, as SQL; of use to set that one back, and nothing else. */
  | { readonly what: 'saved'; readonly setting: string; readonly sql: string }
  | { readonly what: 'unknown' };

const NULL: UserValue = { what: 'plain', sql: 'NULL' };
const UNKNOWN: UserValue = { what: 'unknown' };

/** Past either of these nothing more is known of the session's variables. */
const VARIABLES_MAX = 100;
const BYTES_MAX = 16 * 1024;
/** A string that reads the same in every character set. */
const PLAIN_TEXT = /^(['"])[\w $.:+,/-]*\1$/;
const TIME = /^(?:[1-9]\d{0,8}|1\d{9})(?:\.\d{1,6})?$/;
const INTEGER = /^\d{1,19}$/;
/** Names of other letters are equal in ways of the server's own. */
const PLAIN_NAME = /^[\w$. -]+$/;

export class SessionValues {
  /** Null in the many sessions that have none. */
  #variables: Map<string, UserValue> | null = null;
  #bytes = 0;
  /** Those that are not named here: never set, or not known. */
  #others: UserValue = NULL;
  /** What LAST_INSERT_ID() gives; null: not known. */
  lastInsertId: number | bigint | null = 0;
  /** What NOW() gives, in seconds since 1970, where the session has set it; null: its clock runs. */
  #time: number | null = null;

  copy(): SessionValues {
    const copy = new SessionValues();
    copy.#variables = this.#variables && new Map(this.#variables);
    copy.#bytes = this.#bytes;
    copy.#others = this.#others;
    copy.lastInsertId = this.lastInsertId;
    copy.#time = this.#time;
    return copy;
  }

  get time(): number | null {
    return this.#time;
  }

  /** SET TIMESTAMP; `value` as SQL, null: not known. 0 and DEFAULT let the clock run. False: it is not known. */
  setTime(value: string | null): boolean {
    const seconds = value?.toLowerCase() === 'default' ? 0 : Number(value);
    const isKnown = value !== null && (seconds === 0 || TIME.test(value));
    this.#time = isKnown && seconds !== 0 ? seconds : null;
    return isKnown;
  }

  /** SET LAST_INSERT_ID; `value` as SQL, null: not known. */
  setLastInsertId(value: string | null): void {
    this.lastInsertId = value !== null && INTEGER.test(value) ? BigInt(value) : null;
  }

  /** LAST_INSERT_ID() as a variable holds it. */
  lastInsertIdValue(): UserValue {
    return this.lastInsertId === null ? UNKNOWN : { what: 'plain', sql: String(this.lastInsertId) };
  }

  variable(name: string): UserValue {
    if (!PLAIN_NAME.test(name)) return UNKNOWN;
    return this.#variables?.get(name) ?? this.#others;
  }

  /** What `SET setting = @name` sets it to, as SQL; null: not known. */
  settingFrom(name: string, setting: string): string | null {
    const held = this.variable(name);
    if (held.what === 'saved') return held.setting === setting ? held.sql : null;
    if (held.what === 'unknown' || held.sql === 'NULL') return null;
    return held.what === 'plain' || PLAIN_TEXT.test(held.sql) ? held.sql : null;
  }

  assign(name: string, value: UserValue): void {
    if (!PLAIN_NAME.test(name)) {
      this.forget(null);
      return;
    }
    this.#variables ??= new Map();
    this.#bytes += sizeOf(name, value) - sizeOf(name, this.#variables.get(name));
    this.#variables.set(name, value);
    if (this.#variables.size > VARIABLES_MAX || this.#bytes > BYTES_MAX) this.forget(null);
  }

  /** These were set to what can't be told; null: any may have been. */
  forget(names: readonly string[] | null): void {
    if (names === null) {
      this.#variables = null;
      this.#bytes = 0;
      this.#others = UNKNOWN;
      return;
    }
    for (const name of names) this.assign(name, UNKNOWN);
  }

  /** The assignments of a SET that give a lane what `reads` takes from the session; null: it is not known. */
  settingsFor({ lastInsertId, variables }: SessionReads, words: string): readonly string[] | null {
    const settings: string[] = [];
    if (lastInsertId) {
      if (this.lastInsertId === null) return null;
      settings.push(`LAST_INSERT_ID = ${this.lastInsertId}`);
    }
    if (variables === null) return null;
    for (const name of variables) {
      const value = this.variable(name);
      const isKnown = value.what === 'plain' || (value.what === 'text' && value.words === words);
      if (!isKnown) return null;
      settings.push(`@\`${name}\` = ${value.sql}`);
    }
    return settings;
  }
}

function sizeOf(name: string, value: UserValue | undefined): number {
  if (value === undefined) return 0;
  const words = value.what === 'text' ? value.words.length : 0;
  return name.length + words + ('sql' in value ? value.sql.length : 0);
}
