/** Whoever sends writes one after the other: a session. Compared by identity. */
export type Writer = object;

/** Stands for the writers of a key or table where they are several. */
export const SEVERAL: Writer = {};
