/** The incidents of several proxies as one picture. */
import { describe, expect, it } from 'vitest';
import { mergeIncidents } from '../../src/commands/incidents-merge.ts';
import { incidentLines } from '../../src/commands/incidents-text.ts';
import { sparkline } from '../../src/commands/sparkline.ts';
import type { IncidentsAnswer, IncidentView } from '../../src/observe/incident-report.ts';

const at = (second: number): string => `2024-01-01T12:00:${String(second).padStart(2, '0')}.000Z`;

function incident(more: Partial<IncidentView> = {}): IncidentView {
  return {
    reason: 'replay_error',
    shard: 's00',
    digest: { id: 'a', text: 'DELETE FROM messages WHERE folderid = ?' },
    code: 1146,
    others: false,
    firstSeen: at(1),
    lastSeen: at(9),
    total: 3,
    lastHour: 2,
    minutes: [0, 1, 2],
    hours: [3],
    shards: { s00: 3 },
    latest: [{ at: at(9), table: 'messages', key: '1', message: 'error 1146', sql: null }],
    stale: false,
    ...more,
  };
}

const answer = (...incidents: IncidentView[]): IncidentsAnswer => ({
  at: at(10),
  matching: incidents.length,
  incidents,
  exceeded: [],
});

describe('several proxies', () => {
  it('have a group in common, with the sums of both', () => {
    const latest = [12, 11, 10, 8, 7].map((second) => ({
      ...{ at: at(second), table: null, key: null, message: 'm', sql: null },
    }));
    const other = incident({
      firstSeen: at(0),
      lastSeen: at(12),
      total: 10,
      minutes: [5, 0, 0, 1],
      shards: { s00: 10, s01: 1 },
      latest,
      stale: true,
    });
    const merged = mergeIncidents([answer(incident()), answer(other)]);
    expect(merged).toMatchObject([
      {
        firstSeen: at(0),
        lastSeen: at(12),
        total: 13,
        lastHour: 4,
        minutes: [5, 0, 1, 3],
        shards: { s00: 13, s01: 1 },
        stale: true,
      },
    ]);
    expect(merged[0]?.latest.map((one) => one.at)).toEqual([12, 11, 10, 9, 8].map(at));
  });

  it('keep apart what differs in reason, shard, digest or error, the newest first', () => {
    const merged = mergeIncidents([
      answer(incident(), incident({ code: 1062 }), incident({ shard: 's01', lastSeen: at(20) })),
      answer(incident({ reason: 'lost' }), incident({ digest: null }), incident({ others: true })),
    ]);
    expect(merged).toHaveLength(6);
    expect(merged[0]?.shard).toBe('s01');
  });
});

describe('the text', () => {
  it('says so where there are none', () => {
    expect(incidentLines([], [], 80)).toEqual(['no incidents']);
  });

  it('has a line for each, without the trend where it is no terminal', () => {
    const silent = incident({ reason: 'queue_full', digest: null, code: null, stale: true });
    const exceeded = [
      { reason: 'lost', shard: 's01', since: at(3), count: 41, moreThan: 40, within: '1h' } as const,
    ];
    expect(incidentLines([incident(), silent, incident({ others: true })], exceeded, undefined)).toEqual([
      'LAST SEEN             SHARD        REASON        CODE  TOTAL  LAST HOUR  ABOUT',
      '2024-01-01T12:00:09Z  s00          replay_error  1146  3      2          DELETE FROM messages WHERE folderid = ?',
      '2024-01-01T12:00:09Z  s00 (stale)  queue_full          3      2          error 1146',
      '2024-01-01T12:00:09Z  s00          replay_error  1146  3      2          (others, which have no group of their own)',
      `too many: lost of s01 since ${at(3)}, 41 of which 40 are allowed within 1h`,
      'stale: the shard’s worker does not answer just now, so newer incidents may be missing',
    ]);
  });

  it('fits the terminal, with the trend', () => {
    const minutes = Array.from({ length: 120 }, (_, index) => (index === 119 ? 8 : index === 60 ? 1 : 0));
    const text = 'SELECT '.repeat(50);
    const lines = incidentLines([incident({ minutes, digest: { id: 'a', text } })], [], 130);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(130);
    expect(lines[1]).toContain(`▁${' '.repeat(18)}█`);
  });

  it('shows nothing that a terminal would obey', () => {
    const digest = { id: 'a', text: 'SELECT \u001b[2J\n?' };
    expect(incidentLines([incident({ digest })], [], 80)[1]).toContain('SELECT ?[2J??');
  });
});

it('a sparkline sums what falls under one bar', () => {
  expect(sparkline([0, 0, 1, 1, 8, 8, 16, 0], 4)).toBe(' ▁██');
});
