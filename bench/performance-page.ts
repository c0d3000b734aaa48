/** docs/performance.md: prose by hand, figures from the kept results, between two markers. */
import { haproxyConfig } from './haproxy.ts';
import type { Results } from './results.ts';
import { renderResults } from './tables.ts';

const BEGIN = '<!-- results: written by bench/write-performance.ts -->';
const END = '<!-- end of results -->';

export const PERFORMANCE_PAGE = new URL('../docs/performance.md', import.meta.url);

/** The page with the results in place of those it held. Throws where a marker is missing. */
export function withResults(page: string, results: Results): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('docs/performance.md has lost its markers');
  const config = ['```', haproxyConfig('PORT', 'OLD').trimEnd(), '```'].join('\n');
  const written = [BEGIN, renderResults(results), `HAProxy's whole configuration:\n\n${config}`].join('\n\n');
  return `${page.slice(0, begin)}${written}\n\n${page.slice(end)}`;
}
