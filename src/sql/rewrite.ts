/**
 * Rewrites a statement's text for the shadow: drops what belongs to keys that are left out, and maps database
 * names. Everything else stays byte for byte; comments before the statement and its semicolon are not part of it.
 */
import { decodeText } from './charset.ts';
import type { Definition } from './definition.ts';
import type { Binding, KeysFound } from './keys.ts';
import { CHAIN, type Lexed, QUALIFIER_FIELDS } from './lexed.ts';

/** The database whose qualifiers are replaced, and what by. */
export interface DatabaseMap {
  readonly from: string;
  readonly to: string;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * True where `rewrite` can drop single keys of this very statement: its binding allows it, all its keys are read,
 * and no executable comment stands in its text.
 */
export function canNarrow(binding: Binding, lexed: Lexed, found: KeysFound): boolean {
  return binding.prune !== 'no' && !lexed.executableComment && found.complete;
}

/**
 * The statement with only the keys for which `keep` is true (by index in `found`), its databases mapped; null
 * when no key is left. Needs `canNarrow` when `keep` is given. What it gives is never a view of `sql`.
 */
export function rewrite(
  sql: Buffer,
  lexed: Lexed,
  binding: Binding,
  found: KeysFound,
  keep: ((keyIndex: number) => boolean) | null,
  databases: DatabaseMap | null,
): Buffer | null {
  if (keep === null && (databases === null || lexed.qualifierCount === 0)) return unchanged(sql, lexed);
  const cuts = keep === null ? [] : cutsOf(lexed, binding, found, keep);
  if (cuts === null) return null;
  const names = databases === null ? [] : renames(sql, lexed, databases);
  const edits = names.filter((name) => !cuts.some((cut) => name.start >= cut.start && name.end <= cut.end));
  return apply(
    sql,
    lexed,
    [...cuts, ...edits].sort((left, right) => left.start - right.start),
  );
}

/**
 * The text of a change of definitions in [start, end), its databases mapped and engines without transactions
 * replaced by InnoDB: on the new cluster every table has transactions. What it gives is never a view of `sql`.
 */
export function rewriteDefinition(
  sql: Buffer,
  start: number,
  end: number,
  { tables, others, columns, engines }: Definition,
  databases: DatabaseMap | null,
): Buffer {
  const names = [...tables, ...others, ...columns].filter(
    ({ database }) => databases !== null && database === databases.from,
  );
  const edits: Edit[] = [
    ...names.map((name) => ({ start: name.start, end: name.end, text: quotedName(databases?.to ?? '') })),
    ...engines.map((engine) => ({ ...engine, text: 'InnoDB' })),
  ];
  return apply(
    sql,
    { start, end },
    edits.sort((left, right) => left.start - right.start),
  );
}

function quotedName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

function apply(sql: Buffer, { start, end }: Pick<Lexed, 'start' | 'end'>, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return unchanged(sql, { start, end });
  const parts: Buffer[] = [];
  let at = start;
  for (const edit of edits) {
    parts.push(sql.subarray(at, edit.start));
    if (edit.text !== '') parts.push(Buffer.from(edit.text));
    at = edit.end;
  }
  parts.push(sql.subarray(at, end));
  return Buffer.concat(parts);
}

/** The rule: one copy, and no view made for it. */
function unchanged(sql: Buffer, { start, end }: Pick<Lexed, 'start' | 'end'>): Buffer {
  const own = Buffer.allocUnsafe(end - start);
  sql.copy(own, 0, start, end);
  return own;
}

/**
 * Every qualifier that names the database `from` (case counts, as on a Linux server): tables, three-part columns
 * and routines; an alias or a table of that name is left alone.
 */
function renames(sql: Buffer, lexed: Lexed, databases: DatabaseMap): Edit[] {
  const edits: Edit[] = [];
  for (let index = 0; index < lexed.qualifierCount; index++) {
    const at = index * QUALIFIER_FIELDS;
    const [start, end, length, position] = lexed.qualifiers.subarray(at, at + QUALIFIER_FIELDS);
    if (position === CHAIN.column && length! < 3) continue;
    if (nameOf(sql, start!, end!, lexed) !== databases.from) continue;
    edits.push({ start: start!, end: end!, text: quotedName(databases.to) });
  }
  return edits;
}

function nameOf(sql: Buffer, start: number, end: number, lexed: Lexed): string {
  const text = decodeText(sql, start, end, lexed.mode.charset);
  const quote = text[0];
  if (quote !== '`' && quote !== '"') return text;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

/** What to cut, or null when nothing would be left. */
function cutsOf(
  lexed: Lexed,
  binding: Binding,
  found: KeysFound,
  keep: (keyIndex: number) => boolean,
): Edit[] | null {
  if (!canNarrow(binding, lexed, found)) throw new RangeError('a statement that can’t be narrowed');
  return binding.prune === 'rows' ? rowCuts(lexed, found, keep) : listCuts(lexed, found, keep);
}

function rowCuts(lexed: Lexed, found: KeysFound, keep: (keyIndex: number) => boolean): Edit[] | null {
  const kept = new Uint8Array(lexed.rowCount).fill(1);
  for (let index = 0; index < found.literals.length; index++) {
    const row = lexed.literalRow(found.literals[index]!);
    if (row !== -1 && !keep(index)) kept[row] = 0;
  }
  return elementCuts(
    lexed.rowCount,
    (row) => kept[row] === 1,
    (row) => lexed.rowStart(row),
    (row) => lexed.rowEnd(row),
  );
}

function listCuts(lexed: Lexed, found: KeysFound, keep: (keyIndex: number) => boolean): Edit[] | null {
  const { literals } = found;
  return elementCuts(
    literals.length,
    keep,
    (index) => lexed.literalStart(literals[index]!),
    (index) => lexed.literalEnd(literals[index]!),
  );
}

/** Cuts elements out of a comma-separated list, each with the comma that joined it to what stays. */
function elementCuts(
  count: number,
  isKept: (index: number) => boolean,
  startOf: (index: number) => number,
  endOf: (index: number) => number,
): Edit[] | null {
  const cuts: Edit[] = [];
  let lastKept = -1;
  for (let index = 0; index < count; index++) {
    if (!isKept(index)) continue;
    if (lastKept === -1 && index > 0) cuts.push({ start: startOf(0), end: startOf(index), text: '' });
    else if (lastKept !== -1 && index > lastKept + 1) {
      cuts.push({ start: endOf(lastKept), end: endOf(index - 1), text: '' });
    }
    lastKept = index;
  }
  if (lastKept === -1 && count > 0) return null;
  if (lastKept < count - 1) cuts.push({ start: endOf(lastKept), end: endOf(count - 1), text: '' });
  return cuts;
}
