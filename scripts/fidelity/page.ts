/** Results as text for the terminal, and as the table of docs/fidelity.md. */
import { decimals, percent, table, thousands } from '../../bench/markdown.ts';
import type { Machine } from '../../bench/results.ts';
import { nameOfCase } from './cases.ts';
import type { FidelityResult } from './result.ts';

export const FIDELITY_PAGE = new URL('../../docs/fidelity.md', import.meta.url);

const BEGIN = '<!-- table: written by npm run test:fidelity -- --docs -->';
const END = '<!-- end of table -->';
const KIBIBYTE = 1024;

export function renderResult(result: FidelityResult): string {
  const { coverage, outcomes } = result;
  const became = Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${count}`);
  return [
    nameOfCase(result.case),
    `  ${result.statements} statements (${became.join(', ')}), drained in ${result.drainSeconds.toFixed(1)} s`,
    `  ${result.rows} rows compared, ${result.differing} differ: ${coverage.byKey} by their keys in the journal, ${coverage.byTable} by their tables, ${coverage.byWrittenKey + coverage.byWrittenTable} as written alone, ${coverage.uncovered.length} not`,
    `  ${result.keysWritten} keys written, ${result.keysDoubted} in doubt (${share(result)}), ${result.wideDoubts} doubts of whole tables (${reasons(result)}); journal ${Math.ceil(result.journalBytes / KIBIBYTE)} KiB`,
  ].join('\n');
}

export function withTable(
  page: string,
  results: readonly FidelityResult[],
  { seconds, machine }: { readonly seconds: number; readonly machine: Machine },
): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('docs/fidelity.md has lost its markers');
  const about = `${seconds} s of load a case, 16 clients; ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, MariaDB ${machine.mariadb}, sysbench ${machine.sysbench}.`;
  return `${page.slice(0, begin)}${BEGIN}\n\n${about}\n\n${renderTable(results)}\n\n${page.slice(end)}`;
}

function renderTable(results: readonly FidelityResult[]): string {
  const header = [
    'load',
    'statements',
    'rows',
    'differ',
    'not in the journal',
    'keys written',
    'in doubt',
    'whole tables',
    'journal, KiB',
  ];
  return table(
    header,
    results.map((result) => [
      nameOfCase(result.case),
      thousands(result.statements),
      thousands(result.rows),
      thousands(result.differing),
      thousands(result.differing - result.coverage.byKey - result.coverage.byTable),
      thousands(result.keysWritten),
      `${thousands(result.keysDoubted)} (${share(result)})`,
      thousands(result.wideDoubts),
      decimals(result.journalBytes / KIBIBYTE, 0),
    ]),
  );
}

function share({ keysDoubted, keysWritten }: FidelityResult): string {
  return keysDoubted === 0 ? '0 %' : percent(Math.min(1, keysDoubted / Math.max(1, keysWritten)));
}

function reasons({ reasons: found }: FidelityResult): string {
  return Object.entries(found)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');
}
