import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Metrics, MIRROR_OUTCOMES } from '../../src/observe/metrics.ts';
import {
  BLIND_REASONS,
  CONNECTION_STATES,
  INCOMPARABLE_REASONS,
  MISMATCH_REASONS,
  REFUSAL_REASONS,
} from '../../src/observe/outcomes.ts';
import { REPOSITORY } from '../harness/repository.ts';

const page = readFileSync(new URL('docs/metrics.md', REPOSITORY), 'utf8');
const words = new Set([...page.matchAll(/`([^`]+)`/g)].map(([, word]) => word));

function exportedNames(): string[] {
  const limits = { connections: 1, queueStatements: 1, queueBytes: 1 };
  const metrics = new Metrics({ service: 's', version: '1', shards: [], limits });
  return metrics.registry
    .getMetricsAsArray()
    .map(({ name }) => name)
    .filter((name) => name.startsWith('understudy_'));
}

describe('docs/metrics.md', () => {
  it('names every metric that is exported, and no other', () => {
    const documented = [...words].filter((word) => /^understudy_\w+$/.test(word ?? ''));
    expect(documented.sort()).toEqual(exportedNames().sort());
  });

  it('names every value of the closed labels', () => {
    const values = [
      MIRROR_OUTCOMES,
      MISMATCH_REASONS,
      INCOMPARABLE_REASONS,
      REFUSAL_REASONS,
      BLIND_REASONS,
      CONNECTION_STATES,
    ].flat();
    expect(values.filter((value) => !words.has(value))).toEqual([]);
  });
});
