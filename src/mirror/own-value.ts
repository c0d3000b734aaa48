/** Stands, in the value of a variable, for what the variable had before: no SQL has this character. */
export const OWN_VALUE = '\0';
