/** What a definition is about, beside the tables that its plan lists: read from the digest's words. */
import type { Plan } from '../sql/plan.ts';

export interface DdlSubjects {
  /** It makes, changes or drops a view: the tables that it names keep their rows. */
  readonly isView: boolean;
  /** Tables of an index or a trigger that is made or dropped, as far as the statement names them. */
  readonly changed: readonly string[];
  /** Names whose writes reach other tables than before: a view's, a trigger's table, a foreign key's parent, new names. */
  readonly unsettled: readonly string[];
}

const NAME = '(?:`(?:[^`]|``)+`|"(?:[^"]|"")+"|[\\w$\\u0080-\\uffff]+)';
const CHAIN = `(?:${NAME}\\s*\\.\\s*)?(${NAME})`;
const VIEW = new RegExp(
  `^(?:CREATE|ALTER|DROP)\\b.*?\\bVIEW\\s+(?:IF\\s+(?:NOT\\s+)?EXISTS\\s+)?${CHAIN}`,
  'is',
);
const TRIGGER = new RegExp(`^CREATE\\b.*?\\bTRIGGER\\b.*?\\bON\\s+${CHAIN}`, 'is');
const INDEX = new RegExp(`^(?:CREATE|DROP)\\b[^(]*?\\bINDEX\\b.*?\\bON\\s+${CHAIN}`, 'is');
const REFERENCES = new RegExp(`\\bREFERENCES\\s+${CHAIN}`, 'gis');
const NO_VIEW = /^(?:CREATE|ALTER|DROP)\s+(?:TABLE|TRIGGER|INDEX|UNIQUE|FULLTEXT|SPATIAL|DATABASE|SCHEMA)\b/i;

/** Of a statement that creates, changes, drops or renames something. */
export function ddlSubjects({ digest, tables }: Plan): DdlSubjects {
  const view = NO_VIEW.test(digest) ? null : VIEW.exec(digest);
  if (view !== null) return { isView: true, changed: [], unsettled: [nameOf(view[1])] };
  const trigger = TRIGGER.exec(digest);
  if (trigger !== null) return { isView: false, changed: [], unsettled: [nameOf(trigger[1])] };
  const index = INDEX.exec(digest);
  const parents = [...digest.matchAll(REFERENCES)].map((match) => nameOf(match[1]));
  return {
    isView: false,
    changed: index === null ? [] : [nameOf(index[1])],
    unsettled: /\bRENAME\b/i.test(digest) ? [...tables.map(({ name }) => name), ...parents] : parents,
  };
}

function nameOf(text = ''): string {
  const quote = text.slice(0, 1);
  if (quote !== '`' && quote !== '"') return text;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}
