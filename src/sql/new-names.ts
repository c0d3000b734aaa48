/** The names that a statement gives to tables: RENAME TABLE … TO, ALTER TABLE … RENAME. What bore them is another table now. */
import { keyword } from './keywords.ts';
import type { TableName } from './plan.ts';
import type { TokenList } from './token-list.ts';

const ALTER = keyword('ALTER');
const RENAME = keyword('RENAME');
const TO = keyword('TO');
const AS = keyword('AS');
/** What else ALTER TABLE may rename. */
const PARTS = new Set(['COLUMN', 'INDEX', 'KEY', 'CONSTRAINT', 'PARTITION'].map(keyword));

/** In the order of the statement; none for any other statement. */
export function newNames(list: TokenList): TableName[] {
  const first = list.keyword(list.first);
  if (first !== RENAME && first !== ALTER) return [];
  const names: TableName[] = [];
  for (let index = list.first + 1; index < list.length; index++) {
    if (list.depth(index) > 0 || list.keyword(index) !== (first === RENAME ? TO : RENAME)) continue;
    if (first === ALTER && PARTS.has(list.keyword(index + 1))) continue;
    const isFiller = first === ALTER && [TO, AS].includes(list.keyword(index + 1));
    const at = isFiller ? index + 2 : index + 1;
    if (list.isIdentifier(at) && !list.isAfterDot(at)) names.push(nameAt(list, at));
  }
  return names;
}

function nameAt(list: TokenList, at: number): TableName {
  const end = list.chainEnd(at);
  const name = list.name(end - 1);
  return { database: end - at > 1 ? list.name(at) : null, name, alias: name, written: true };
}
