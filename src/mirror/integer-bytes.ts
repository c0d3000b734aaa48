/** The whole-number types of the servers by DATA_TYPE, and how many bytes a value of each takes. */
export const INTEGER_BYTES: Readonly<Record<string, number>> = {
  tinyint: 1,
  smallint: 2,
  mediumint: 3,
  int: 4,
  bigint: 8,
};
