/** What one file's statements made of names, read by plain patterns, not by what is on trial. */
import type { NameFacts } from './judge.ts';

const NAME = '((?:`[^`]+`|"[^"]+"|[\\w$\\x80-\\xff]+)(?:\\s*\\.\\s*(?:`[^`]+`|"[^"]+"|[\\w$\\x80-\\xff]+))?)';
const VIEW = new RegExp(`\\bview\\s+(?:if\\s+not\\s+exists\\s+)?${NAME}`, 'gi');
const TEMPORARY = new RegExp(
  `\\btemporary\\s+(?:table|sequence)\\s+(?:if\\s+not\\s+exists\\s+)?${NAME}`,
  'gi',
);
/** Engines whose tables hold others' rows, or nothing. */
const MERGE = new RegExp(
  `\\btable\\s+(?:if\\s+not\\s+exists\\s+)?${NAME}[\\s\\S]*(?:engine|type)\\s*=?\\s*(?:mrg_|merge|federated|connect)`,
  'gi',
);
const TRIGGER = new RegExp(`\\btrigger\\b[\\s\\S]*?\\bon\\s+${NAME}\\s+for\\s+each`, 'gi');
const FOREIGN = new RegExp(
  `\\btable\\s+(?:if\\s+not\\s+exists\\s+)?${NAME}[\\s\\S]*\\breferences\\s+${NAME}`,
  'gi',
);
const SEQUENCE_DEFAULT = new RegExp(`\\btable\\s+${NAME}[\\s\\S]*\\bdefault\\s*\\(?\\s*next`, 'gi');

export function readNameFacts(texts: readonly string[]): NameFacts {
  const otherNames = new Set<string>();
  const lockMore = new Set<string>();
  for (const text of texts) {
    for (const pattern of [VIEW, TEMPORARY, MERGE]) collect(text, pattern, otherNames);
    for (const pattern of [TRIGGER, FOREIGN, SEQUENCE_DEFAULT]) collect(text, pattern, lockMore);
  }
  return { otherNames, lockMore };
}

function collect(text: string, pattern: RegExp, names: Set<string>): void {
  for (const [, ...found] of text.matchAll(pattern)) {
    for (const name of found) {
      if (name !== undefined) names.add(lastPart(name));
    }
  }
}

function lastPart(name: string): string {
  const parts = name.match(/`[^`]+`|"[^"]+"|[\w$\x80-\xff]+/g) ?? [name];
  return parts
    .at(-1)!
    .replaceAll(/^[`"]|[`"]$/g, '')
    .toLowerCase();
}
