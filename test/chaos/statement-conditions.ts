/** WHERE clauses about a table's key that a reader of them may take for others. */

export interface ConditionParts {
  /** The key column, as it is spelt. */
  readonly column: string;
  /** What stands before the names of other columns: an alias and its point, or nothing. */
  readonly at: string;
  /** Gives a literal, another one each time. */
  readonly key: () => string;
  /** The table has a column `i` that tells a key's rows apart. */
  readonly hasItems: boolean;
}

export function oddConditions({ column, at, key, hasItems }: ConditionParts): readonly string[] {
  const odd = [
    ...[
      '',
      ` WHERE ${at}n < 5`,
      ` WHERE ${key()} = ${column}`,
      ` WHERE ${column} <=> ${key()}`,
      ` WHERE ${column} = ${key()} OR ${at}n = 3`,
    ],
    ...[
      ` WHERE NOT ${column} = ${key()}`,
      ` WHERE ${column} BETWEEN ${key()} AND ${key()}`,
      ` WHERE (${column} = ${key()})`,
    ],
    ...[
      ` WHERE ((${column} = ${key()}) AND ${at}n > 3)`,
      ` WHERE ${column} = ${key()} XOR ${at}n = 1`,
      ` WHERE ${column} = ${key()} || ${at}n = 1`,
    ],
    ...[
      ` WHERE ${column} = ${key()} && ${at}n > 1`,
      ` WHERE ${column} = ${key()} = 1`,
      ` WHERE ${column} IN (${key()}) = 0`,
      ` WHERE ${column} NOT IN (${key()})`,
    ],
    ...[
      ` WHERE ${column} = ${key()} | 2`,
      ` WHERE ${column} = ${key()} IS NULL`,
      ` WHERE ! ${column} = ${key()}`,
      ` WHERE BINARY ${column} = ${key()}`,
    ],
    ...[
      ` WHERE ${column} LIKE ${key()}`,
      ` WHERE ${column} IN (SELECT k FROM stays)`,
      ` WHERE ${column} = (SELECT MIN(k) FROM stays)`,
    ],
    ...[
      ` WHERE ${column} = ${key()} AND (${at}n = 1 OR ${at}n > 2)`,
      ` WHERE ${column} = ANY (SELECT ${key()})`,
      ` WHERE ${column} IS NULL`,
    ],
    ...[
      ` WHERE ${column} = ${key()} COLLATE utf8mb4_bin`,
      ` WHERE CASE WHEN ${column} = ${key()} THEN 1 ELSE 0 END`,
      ` WHERE ${column} + 0 = ${key()}`,
    ],
    ...[
      ` WHERE ${column} = ${key()} AND ${column} = ${key()}`,
      ` WHERE ${column} IN (${key()}, ${column})`,
      ` WHERE ${at}n = ${key()}`,
      ` WHERE ${column} = @v`,
    ],
    ...[
      ` WHERE ${column} >= ${key()} AND ${column} <= ${key()}`,
      ` WHERE 1`,
      ` WHERE ${at}s = 'w3'`,
      ` WHERE ${column} = ${key()} AND 1 OR 0 OR 1`,
    ],
    ...[
      ` WHERE ${column} = ${key()} BETWEEN 0 AND 1`,
      ` WHERE ${column} = ${key()} IN (0, 1)`,
      ` WHERE ${column} = ${key()} DIV 1`,
      ` WHERE ${column} = ${key()} HAVING 1`,
    ],
  ];
  if (hasItems)
    odd.push(
      ...[
        ` WHERE (${column}, ${at}i) = (${key()}, 1)`,
        ` WHERE (${column}, ${at}i) IN ((${key()}, 1), (${key()}, 2))`,
        ` WHERE (${at}i, ${column}) IN ((1, ${key()}))`,
      ],
      ...[
        ` WHERE (${column}, ${at}i) IN ((${key()}, ${at}i))`,
        ` WHERE (${column}) = (${key()})`,
        ` WHERE ROW(${column}, 1) = ROW(${key()}, 1)`,
      ],
    );
  return odd;
}
