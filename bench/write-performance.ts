/** Writes the kept results into docs/performance.md: `npx tsx bench/write-performance.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { PERFORMANCE_PAGE, withResults } from './performance-page.ts';
import { KEPT_RESULTS, readResults } from './results.ts';

writeFileSync(
  PERFORMANCE_PAGE,
  withResults(readFileSync(PERFORMANCE_PAGE, 'utf8'), readResults(KEPT_RESULTS)),
);
