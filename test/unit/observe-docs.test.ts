import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { INCIDENT_REASON_NAMES } from '../../src/base/incident-reasons.ts';
import { WEBHOOK_OUTCOMES } from '../../src/observe/incident-metrics.ts';
import { Metrics, MIRROR_OUTCOMES } from '../../src/observe/metrics.ts';
import {
  BLIND_REASONS,
  CONNECTION_STATES,
  INCOMPARABLE_REASONS,
  MISMATCH_REASONS,
  REFUSAL_REASONS,
} from '../../src/observe/outcomes.ts';
import { SyncMetrics } from '../../src/observe/sync-metrics.ts';
import { REPOSITORY } from '../harness/repository.ts';

const page = readFileSync(new URL('docs/metrics.md', REPOSITORY), 'utf8');
const words = new Set([...page.matchAll(/`([^`]+)`/g)].map(([, word]) => word));

function exportedNames(): string[] {
  const limits = { connections: 1, queueStatements: 1, queueBytes: 1 };
  const metrics = new Metrics({ service: 's', version: '1', shards: [], limits });
  const sync = new SyncMetrics({ shards: () => new Map(), pass: () => null });
  const names = [metrics, sync].flatMap(({ registry }) =>
    registry.getMetricsAsArray().map(({ name }) => name),
  );
  return [...new Set(names)].filter((name) => name.startsWith('understudy_'));
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
      WEBHOOK_OUTCOMES,
    ].flat();
    expect(values.filter((value) => !words.has(value))).toEqual([]);
  });
});

it('docs/operations.md says of every reason of an incident what to do, and of no other', () => {
  const runbook = readFileSync(new URL('docs/operations.md', REPOSITORY), 'utf8');
  const table = runbook.split('| `reason` | what happened |')[1]?.split('\n\n')[0] ?? '';
  const rows = table.split('\n').flatMap((row) => {
    const [, names = ''] = row.split('|');
    return [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name);
  });
  expect(rows).toEqual(INCIDENT_REASON_NAMES);
});
