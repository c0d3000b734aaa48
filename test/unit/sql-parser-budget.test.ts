/** How long the parser may take before plans are made without it. */
import { expect, it } from 'vitest';
import { cpuMs } from '../../src/base/cpu-time.ts';
import { ParserBudget } from '../../src/sql/parser-budget.ts';

function budgetOf() {
  const time = { clockMs: 0, cpuMs: 0 };
  const budget = new ParserBudget(
    () => time.clockMs,
    () => time.cpuMs,
  );
  const parse = (tookMs: number, onCpuMs: number): void =>
    budget.spend(() => {
      time.clockMs += tookMs;
      time.cpuMs += onCpuMs;
    });
  return { time, budget, parse };
}

it('takes what the parser has had of the processor off a second, to which a tenth of each second is added', () => {
  const { time, budget, parse } = budgetOf();
  parse(1050, 1050);
  expect(budget.allows).toBe(true);
  parse(100, 100);
  expect(budget.allows).toBe(false);
  time.clockMs += 1000;
  expect(budget.allows).toBe(true);
});

it('does not count that other processes had the processor in the meantime', () => {
  const { budget, parse } = budgetOf();
  parse(60_000, 5);
  expect(budget.allows).toBe(true);
});

it('counts what a process does as its time', () => {
  const before = cpuMs();
  while (cpuMs() === before) JSON.stringify(Array.from({ length: 1000 }, (_, at) => at));
  expect(cpuMs()).toBeGreaterThan(before);
});
