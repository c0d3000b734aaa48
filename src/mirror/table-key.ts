/** A key of a moved table. */
export interface TableKey {
  readonly table: string;
  readonly key: string;
  /** Both in one: the same for every spelling of the same key. */
  readonly tag: string;
}

export function tableKey(table: string, key: string): TableKey {
  return { table, key, tag: `${table}/${key}` };
}
