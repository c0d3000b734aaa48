/** ENUM and SET columns name what they may hold in their type. */

/** The members of an ENUM or SET, out of its definition. */
export function membersOf(definition: string): readonly string[] {
  const list = definition.slice(definition.indexOf('(') + 1, definition.lastIndexOf(')'));
  return [...list.matchAll(/'((?:[^']|'')*)'/g)].map(([, member = '']) => member.replaceAll("''", "'"));
}
