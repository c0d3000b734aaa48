import { expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { ControlSnapshot } from '../../src/config/ratios.ts';
import { LiveSnapshot } from '../../src/control/live-snapshot.ts';
import { ControlMetrics } from '../../src/observe/control-metrics.ts';

test('a listener that throws keeps neither the others nor the snapshot back', () => {
  const metrics = new ControlMetrics();
  const first: ControlSnapshot = { source: 'file', connected: true, revision: 0, appliedAtMs: 0, shards: {} };
  const live = new LiveSnapshot(first, silentLog(), metrics);
  const seen: number[] = [];
  live.onChange(() => {
    throw new Error('a fault of ours');
  });
  live.onChange((snapshot) => seen.push(snapshot.revision));
  live.publish({ ...first, revision: 1, connected: false });
  expect(seen).toEqual([1]);
  expect(live.current).toEqual({ ...first, revision: 1, connected: false });
  expect(metrics.connected).toBe(false);
});
