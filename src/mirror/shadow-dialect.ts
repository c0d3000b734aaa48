/** A session's settings in the words of a shadow of the other kind: modes and collations that only one has. */
import { makeContext, type ReplayContext } from './replay-context.ts';
import { type ServerKind, translateMode } from './sql-modes.ts';

export interface TranslatedContext {
  readonly context: ReplayContext;
  /** False: the shadow can't be set up to do quite as the primary. */
  readonly faithful: boolean;
}

/** Sessions share their contexts, so that each is translated once for each kind of shadow. */
const translations: Readonly<Record<ServerKind, WeakMap<ReplayContext, TranslatedContext>>> = {
  mysql: new WeakMap(),
  mariadb: new WeakMap(),
};

export function translateContext(context: ReplayContext, shadow: ServerKind): TranslatedContext {
  const known = translations[shadow].get(context);
  if (known !== undefined) return known;
  const made = translate(context, shadow);
  translations[shadow].set(context, made);
  return made;
}

function translate(context: ReplayContext, shadow: ServerKind): TranslatedContext {
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
