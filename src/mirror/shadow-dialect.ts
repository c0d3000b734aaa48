/** A session's settings as one shadow can have them: in its words, and what it lacks left out. */
import { CARRIED, FIXED, inWordsOfToday, isSameSetting, shownSql } from '../sql/session-variables.ts';
import { makeContext, NAMES_VARIABLES, type ReplayContext } from './replay-context.ts';
import { type ServerKind, translateMode } from './sql-modes.ts';

export interface ShadowSession {
  readonly kind: ServerKind;
  /** What a session of ours begins with there, as SQL; a variable that is not in it does not exist there. Null: not known. */
  readonly begun: ReadonlyMap<string, string> | null;
  /** Variables that our account may not set there. */
  readonly refused: ReadonlySet<string>;
}

export interface TranslatedContext {
  readonly context: ReplayContext;
  /** False: the shadow can't be set up to do quite as the primary. */
  readonly faithful: boolean;
}

/** The variables of a shadow's session that replays depend on. */
const NEEDED = [...CARRIED, ...FIXED].filter(([name]) => !NAMES_VARIABLES.includes(name));

/** What a lane asks for when it begins. */
export const SHADOW_VARIABLES: readonly string[] = ['version', ...NEEDED.map(([name]) => name)];

/** `shown`: what the shadow answered of those variables. */
export function begunWith(shown: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const begun = new Map<string, string>();
  const today = inWordsOfToday(shown);
  for (const [name, variable] of NEEDED) {
    const value = today.get(name);
    if (value !== undefined) begun.set(name, shownSql(variable, value));
  }
  return begun;
}

/** Statements whose plan is `byKind` may come out otherwise there. */
export function isOtherKind({ primary }: ReplayContext, shadow: ServerKind): boolean {
  return primary !== null && primary !== shadow;
}

export function translateContext(context: ReplayContext, shadow: ShadowSession): TranslatedContext {
  const spoken = inWordsOf(context, shadow.kind);
  return shadow.begun === null ? spoken : fitted(spoken, shadow, shadow.begun);
}

function inWordsOf(context: ReplayContext, shadow: ServerKind): TranslatedContext {
  const { primary, database, names } = context;
  if (primary === null || primary === shadow) return { context, faithful: true };
  const variables = new Map(context.variables);
  let faithful = true;
  const mode = literalText(variables.get('sql_mode'));
  if (mode !== null) {
    const translated = translateMode(mode, primary, shadow);
    faithful = translated.faithful;
    variables.set('sql_mode', `'${translated.modes}'`);
  }
  const collation = literalText(variables.get('collation_connection'));
  if (collation !== null) variables.set('collation_connection', `'${collationFor(collation, shadow)}'`);
  const spoken = names === null ? null : translateNames(names, shadow);
  return { context: makeContext(database, spoken, variables, primary), faithful };
}

/** With a value for each variable that the shadow has: its own where the context says nothing or the same. */
function fitted(
  { context, faithful }: TranslatedContext,
  { kind, refused }: ShadowSession,
  begun: ReadonlyMap<string, string>,
): TranslatedContext {
  const { database, names, primary } = context;
  const variables = new Map<string, string>();
  let isFaithful = faithful;
  for (const name of NAMES_VARIABLES) {
    const value = context.variables.get(name);
    if (value !== undefined) variables.set(name, value);
  }
  for (const [name, variable] of NEEDED) {
    const own = begun.get(name);
    const usual = variable.usual === null ? null : shownSql(variable, variable.usual);
    const wanted = FIXED.has(name) ? usual : (context.variables.get(name) ?? null);
    // What a server without the variable does is told by its usual value.
    const has = own ?? usual;
    const isSame = wanted === null || (has !== null && isSameSetting(wanted, has));
    const isSet = own !== undefined && !isSame && !refused.has(name);
    const isUnlike = variable.unlike === true && primary !== null && primary !== kind;
    if ((!isSame && !isSet) || (isUnlike && wanted !== null && wanted !== usual)) isFaithful = false;
    if (own !== undefined) variables.set(name, isSet ? wanted : own);
  }
  return { context: makeContext(database, names, variables, primary), faithful: isFaithful };
}

/** `SET NAMES x COLLATE y` with a collation that the shadow has. */
function translateNames(names: string, shadow: ServerKind): string {
  const [, charset = '', collation = ''] = /^SET NAMES (\S+) COLLATE (\S+)$/.exec(names) ?? [];
  if (collation === '') return names;
  const bare = (text: string): string => text.replace(/['"`]/g, '');
  const own = collationFor(bare(collation), shadow, bare(charset));
  return `SET NAMES ${charset} COLLATE ${own}`;
}

/**
 * The shadow's nearest collation. Columns are compared by their own; this one is for literals among themselves.
 * MySQL manual: "Collation Naming Conventions"; MariaDB knowledge base: "Supported Character Sets and Collations".
 */
export function collationFor(collation: string, shadow: ServerKind, charset = 'utf8mb4'): string {
  const name = collation.toLowerCase();
  return shadow === 'mariadb' ? ofMysql(name) : ofMariadb(name, charset.toLowerCase());
}

function ofMysql(name: string): string {
  const [, charset = '', manner = ''] = /^(utf8mb4)_(?:\w+_)?0900_(\w+)$/.exec(name) ?? [];
  if (charset === '') return name;
  // What tells case apart goes by code points; all others by the Unicode rules that both have.
  return /_ci$/.test(manner) ? `${charset}_unicode_520_ci` : `${charset}_bin`;
}

function ofMariadb(name: string, charset: string): string {
  const [, own, manner] = /^(?:(\w+?)_)?uca1400_(?:\w+_)?(a[is]_c[is])$/.exec(name) ?? [];
  if (manner !== undefined) {
    const set = own ?? charset;
    if (set === 'utf8mb4') return manner === 'ai_cs' ? 'utf8mb4_bin' : `utf8mb4_0900_${manner}`;
    return manner.endsWith('_ci') ? `${set}_unicode_520_ci` : `${set}_bin`;
  }
  return name
    .replace(/_nopad_bin$/, '_bin')
    .replace(/_nopad_ci$/, '_ci')
    .replace(/_croatian_mysql561_ci$/, '_croatian_ci')
    .replace(/_(?:myanmar_ci|thai_520_w2)$/, '_unicode_520_ci');
}

/** The text of a quoted literal or a word; null for a number, DEFAULT, or nothing. */
function literalText(value: string | undefined): string | null {
  if (value === undefined || /^(?:default|null|\d+)$/i.test(value)) return null;
  return value.replace(/^(['"`])(.*)\1$/s, '$2');
}
