/** MariaDB keeps JSON as text, with a CHECK that tells it from other texts. */

const JSON_CHECK = /^json_valid\(`((?:[^`]|``)+)`\)$/i;

/** `clause`: information_schema's CHECK_CLAUSE. The column that holds JSON by it; null: it says something else. */
export function jsonColumnOf(clause: string): string | null {
  return JSON_CHECK.exec(clause)?.[1]?.replaceAll('``', '`') ?? null;
}
