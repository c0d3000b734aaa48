/** Which series a PromQL expression reads. Prometheus says whether it is valid; this only lists its selectors. */

export interface Selector {
  readonly name: string;
  /** What stands between the braces; empty without braces. */
  readonly matchers: string;
}

const AGGREGATIONS = 'sum min max avg count topk bottomk quantile stddev stdvar group count_values'.split(
  ' ',
);
const GROUPINGS = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const WORDS = new Set([...AGGREGATIONS, 'and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);

const TOKEN =
  /\s+|#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\[[^\]]*\]|\d[\w.]*|[A-Za-z_:][\w:]*|\{(?:[^{}"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*\}|./gsu;

/** In order of appearance. Throws on a selector without a name, whose metric can't be told. */
export function selectorsOf(expression: string): Selector[] {
  const tokens = [...expression.matchAll(TOKEN)]
    .map(([token]) => token)
    .filter((token) => !/^(?:\s|#)/.test(token));
  const selectors: Selector[] = [];
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index]!;
    const following = tokens[index + 1] ?? '';
    if (token.startsWith('{')) throw new Error(`a selector without a name: ${token}`);
    if (GROUPINGS.has(token)) {
      if (following === '(') index = tokens.indexOf(')', index);
    } else if (/^[A-Za-z_:]/.test(token) && following !== '(' && !WORDS.has(token.toLowerCase())) {
      const braces = following.startsWith('{');
      selectors.push({ name: token, matchers: braces ? following.slice(1, -1).trim() : '' });
      if (braces) index += 1;
    }
  }
  return selectors;
}
