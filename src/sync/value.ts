/** Values and rows as the text protocol gives them. */

/** Numbers, dates and texts are strings, so that nothing is rounded; what is binary is a Buffer. */
export type Value = string | Buffer | null;
export type Row = readonly Value[];

/** A text for each value, by nothing but its bytes: what a server takes for one value may have several. */
export function spellingOf(value: Value): string {
  return value === null ? 'null' : `=${value.toString('latin1')}`;
}
