/** A key of a moved table. */
export interface TableKey {
  readonly table: string;
  readonly key: string;
  /** Both in one: the same for every spelling of the same key. */
  readonly tag: string;
}

/** `folded`: the text that stands for all spellings of the key. */
export function tableKey(table: string, key: string, folded = key): TableKey {
  return { table, key, tag: `${table}/${folded}` };
}

/** What its tag says of the key. */
export function foldedKey({ table, tag }: TableKey): string {
  return tag.slice(table.length + 1);
}
