/** Values and rows as the text protocol gives them. */

/** Numbers, dates and texts are strings, so that nothing is rounded; what is binary is a Buffer. */
export type Value = string | Buffer | null;
export type Row = readonly Value[];
