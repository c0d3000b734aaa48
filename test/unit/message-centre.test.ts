/** The reference workload has the mix it claims, and is the same for the same seed. */
import { describe, expect, it } from 'vitest';
import { createLoad, type Session, type Statement } from '../harness/message-centre-load.ts';
import { metricKey, parseMetrics, sumMetric } from '../harness/metrics-text.ts';
import { createRandom } from '../harness/random.ts';
import { waitFor } from '../harness/wait.ts';

const SESSIONS = 4000;

function sessions(stream: number, count = SESSIONS): Session[] {
  const load = createLoad({ seed: 7, folders: 100, stream });
  return Array.from({ length: count }, () => load.next());
}

describe('the message centre’s load', () => {
  const all = sessions(0);
  const statements = all.flatMap((session) => session.statements);
  const share = (holds: (statement: Statement) => boolean): number =>
    statements.filter(holds).length / statements.length;

  it('reads nine statements in ten on the tables that move', () => {
    const moved = statements.filter((statement) => statement.moved);
    const reads = moved.filter((statement) => statement.kind === 'read').length / moved.length;
    expect(reads).toBeGreaterThan(0.88);
    expect(reads).toBeLessThan(0.97);
  });

  it('has every kind, prepared and text, short sessions and long', () => {
    for (const kind of ['read', 'write', 'delete', 'other'] as const) {
      expect(share((statement) => statement.kind === kind)).toBeGreaterThan(0.005);
    }
    expect(share((statement) => statement.prepared)).toBeGreaterThan(0.25);
    expect(new Set(all.map((session) => session.length))).toEqual(new Set(['short', 'long']));
    expect(statements.some((statement) => !statement.moved && statement.sql.includes('JOIN'))).toBe(true);
  });

  it('gives as many values as places, and no places without values', () => {
    for (const { sql, params, prepared } of statements) {
      expect(sql.split('?').length - 1).toBe(params.length);
      if (!prepared) expect(params).toEqual([]);
    }
  });

  it('ends every transaction in the session that began it', () => {
    for (const { statements: inOrder } of all) {
      let open = 0;
      for (const { sql } of inOrder) {
        if (sql === 'START TRANSACTION') open += 1;
        if (sql === 'COMMIT' || sql === 'ROLLBACK') open -= 1;
      }
      expect(open).toBe(0);
    }
  });

  it('is the same for the same seed, and other in another stream', () => {
    expect(sessions(0, 50)).toEqual(all.slice(0, 50));
    expect(sessions(1, 50)).not.toEqual(all.slice(0, 50));
  });
});

describe('the heavy tail', () => {
  it('is mostly small, seldom large, and bounded', () => {
    const random = createRandom(1);
    const sizes = Array.from({ length: 5000 }, () => random.heavyTailed(8, 2000, 1.1)).sort((a, b) => a - b);
    expect(sizes[0]).toBeGreaterThanOrEqual(8);
    expect(sizes[2500]).toBeLessThan(30);
    expect(sizes.at(-1)).toBe(2000);
  });
});

describe('the metrics reader', () => {
  const samples = parseMetrics(
    [
      '# HELP a_total Text',
      '# TYPE a_total counter',
      'a_total{shard="s1",kind="read"} 2',
      'a_total{kind="write",shard="s1"} 3',
      'a_total{kind="read",shard="s2"} 5',
      'b 1.5e3 1700000000000',
      'c_bucket{le="+Inf"} 4',
      'd{text="a \\"quoted\\", {odd} one"} +Inf',
    ].join('\n'),
  );

  it('sorts labels in keys', () => {
    expect(samples.get('a_total{kind="read",shard="s1"}')).toBe(2);
    expect(samples.get(metricKey('a_total', { shard: 's2', kind: 'read' }))).toBe(5);
    expect(samples.get('b')).toBe(1500);
    expect(samples.get('d{text="a \\"quoted\\", {odd} one"}')).toBe(Number.POSITIVE_INFINITY);
  });

  it('sums by the labels that are asked for', () => {
    expect(sumMetric(samples, 'a_total')).toBe(10);
    expect(sumMetric(samples, 'a_total', { kind: 'read' })).toBe(7);
    expect(sumMetric(samples, 'a_total', { kind: 'none' })).toBe(0);
    expect(sumMetric(samples, 'a')).toBe(0);
  });
});

describe('waitFor', () => {
  it('gives the value, and says what was seen last at the deadline', async () => {
    let calls = 0;
    expect(await waitFor(() => (++calls > 2 ? calls : undefined), { what: 'the third call' })).toBe(3);
    await expect(waitFor(() => false, { timeoutMs: 20, what: 'never' })).rejects.toThrow(
      /never; last seen: false/,
    );
    const failing = () => {
      throw new Error('still broken');
    };
    await expect(waitFor(failing, { timeoutMs: 20, what: 'never' })).rejects.toThrow(
      'last error: still broken',
    );
  });
});
