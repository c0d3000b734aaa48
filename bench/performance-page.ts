/** docs/performance.md: prose by hand, figures from the kept results, between two markers. */
import type { Results } from './results.ts';
import { renderResults } from './tables.ts';

const BEGIN = '<!-- results: written by bench/write-performance.ts -->';
const END = '<!-- end of results -->';

export const PERFORMANCE_PAGE = new URL('../docs/performance.md', import.meta.url);

/** The page with the results in place of those it held. Throws where a marker is missing. */
export function withResults(page: string, results: Results): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('docs/performance.md has lost its markers');
  const written = [BEGIN, renderResults(results), ...renderConfigs(results)].join('\n\n');
  return `${page.slice(0, begin)}${written}\n\n${page.slice(end)}`;
}

/** As they were when it was measured. */
function renderConfigs({ configurations }: Results): string[] {
  const blocks = configurations.map(({ name, text }) => `${name}:\n\n\`\`\`\n${text.trimEnd()}\n\`\`\``);
  return blocks.length === 0 ? [] : ['### Configurations of the others', ...blocks];
}
