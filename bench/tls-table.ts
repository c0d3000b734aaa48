/** What TLS to the client costs, each way beside the same without it. */
import { decimals, table, thousands } from './markdown.ts';
import { type Run, unitOf } from './results.ts';
import { cpuOf, pairedRatio, summarize } from './summary.ts';
import { TLS_WAYS } from './tls-ways.ts';

/** `runs` are of one case; empty where no way had TLS. */
export function renderTls(runs: readonly Run[], names: Readonly<Record<Run['target'], string>>): string {
  const rows = TLS_WAYS.flatMap(({ target, plain }) => {
    const summary = summarize(runs, target);
    if (summary === null) return [];
    const rate = pairedRatio(runs, target, plain, (run) => run.perSecond);
    const cpu = pairedRatio(runs, target, plain, cpuOf);
    const without = summarize(runs, plain);
    return [
      [
        names[target],
        thousands(summary.rate.median),
        summary.p99Ms.toFixed(2),
        decimals(summary.cpu?.micros, 1),
        decimals(without?.cpu?.micros, 1),
        decimals(cpu?.median, 2),
        decimals(rate?.median, 2),
      ],
    ];
  });
  const [first] = runs;
  if (rows.length === 0 || first === undefined) return '';
  const unit = unitOf(first.workload);
  const header = [
    'with TLS to the client',
    `${unit}s/s`,
    'p99 ms',
    `CPU µs/${unit}`,
    'without TLS',
    'CPU ÷ without',
    'rate ÷ without',
  ];
  return table(header, rows);
}
