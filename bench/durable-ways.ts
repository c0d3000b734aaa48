/** The ways between servers that flush each commit to the disk, as servers do by their own defaults. */
import { decimals, table, thousands } from './markdown.ts';
import type { Run, Target } from './results.ts';
import { cpuOf, pairedRatio, summarize } from './summary.ts';

/** Each with the way that differs from it by its servers alone. */
export const DURABLE_WAYS = [
  { target: 'direct-durable', plain: 'direct' },
  { target: 'relay-durable', plain: 'relay' },
  { target: 'mirror-0-durable', plain: 'mirror-0' },
  { target: 'mirror-100-durable', plain: 'mirror-100' },
] as const satisfies readonly { readonly target: Target; readonly plain: Target }[];

export type DurableTarget = (typeof DURABLE_WAYS)[number]['target'];

export function isDurable(target: Target): target is DurableTarget {
  return DURABLE_WAYS.some((way) => way.target === target);
}

/** `runs` are of one case; empty where it was not measured. */
export function renderDurable(runs: readonly Run[], names: Readonly<Record<Target, string>>): string {
  const rows = DURABLE_WAYS.flatMap(({ target, plain }) => {
    const summary = summarize(runs, target);
    if (summary === null) return [];
    const rate = pairedRatio(runs, target, 'direct-durable', (run) => run.perSecond);
    const cpu = pairedRatio(runs, target, plain, cpuOf);
    return [
      [
        names[target],
        thousands(summary.rate.median),
        `${thousands(summary.rate.min)}–${thousands(summary.rate.max)}`,
        summary.p99Ms.toFixed(2),
        decimals(summary.cpu?.micros, 1),
        decimals(rate?.median, 2),
        decimals(cpu?.median, 2),
      ],
    ];
  });
  if (rows.length === 0) return '';
  return table(
    [
      'servers that flush each commit',
      'statements/s',
      'lowest–highest',
      'p99 ms',
      'CPU µs/statement',
      'rate ÷ direct there',
      'CPU ÷ the same above',
    ],
    rows,
  );
}
