/** Queries wait while a server is busy, a replica is behind or a pause is wanted, and the reason is told. */
import { describe, expect, it } from 'vitest';
import { ServerLoad } from '../../src/sync/server-load.ts';
import { Throttle } from '../../src/sync/throttle.ts';
import type { Row } from '../../src/sync/value.ts';

const LIMITS = { maxLagMs: 5000, maxThreadsRunning: 40 };

class FakeServer {
  readonly name = 'old s00 127.0.0.1:3320';
  readonly kind = 'mysql' as const;
  readonly role: 'primary' | 'replica';
  threads = 3;
  /** Seconds; null: the SQL thread is stopped; an error: it may not be asked. */
  lag: number | null | Error = 0;
  looks = 0;

  constructor(role: 'primary' | 'replica' = 'replica') {
    this.role = role;
  }

  rows(sql: string): Promise<Row[]> {
    if (sql.includes('Threads_running')) {
      this.looks += 1;
      return Promise.resolve([['Threads_running', String(this.threads)]]);
    }
    if (this.lag instanceof Error) return Promise.reject(this.lag);
    // Columns of SHOW REPLICA STATUS by their places: I/O 10, SQL 11, lag 32.
    const row: string[] = Array.from({ length: 60 }, () => '');
    row[10] = 'Yes';
    row[11] = this.lag === null ? 'No' : 'Yes';
    row[32] = String(this.lag ?? '');
    return Promise.resolve([row]);
  }
}

function loadOf(server: FakeServer): { load: ServerLoad; clock: { ms: number }; blind: string[] } {
  const clock = { ms: 0 };
  const blind: string[] = [];
  const load = new ServerLoad({
    server,
    limits: LIMITS,
    now: () => clock.ms,
    blind: (name, reason) => blind.push(`${name}: ${reason}`),
  });
  return { load, clock, blind };
}

describe('a server', () => {
  it('is busy with too many threads, or as a replica too far behind', async () => {
    const server = new FakeServer();
    const { load, clock } = loadOf(server);
    expect(await load.busy()).toBeNull();
    clock.ms += 1000;
    server.threads = 41;
    expect(await load.busy()).toBe('old s00 127.0.0.1:3320 has 41 threads running, more than 40');
    clock.ms += 1000;
    Object.assign(server, { threads: 40, lag: 6 });
    expect(await load.busy()).toBe('old s00 127.0.0.1:3320 is 6 s behind, more than 5 s');
    clock.ms += 1000;
    server.lag = null;
    expect(await load.busy()).toContain('does not replicate: its SQL thread does not run');
  });

  it('is looked at once a second, however many ask', async () => {
    const server = new FakeServer('primary');
    const { load, clock } = loadOf(server);
    await Promise.all([load.busy(), load.busy(), load.busy()]);
    await load.busy();
    expect(server.looks).toBe(1);
    clock.ms += 1000;
    await load.busy();
    expect(server.looks).toBe(2);
  });

  it('that hides how far it is holds nothing up, and that is told once', async () => {
    const server = new FakeServer();
    server.lag = new Error('you need a right for this');
    const { load, clock, blind } = loadOf(server);
    expect(await load.busy()).toBeNull();
    clock.ms += 1000;
    expect(await load.busy()).toBeNull();
    expect(blind).toEqual(['old s00 127.0.0.1:3320: you need a right for this']);
  });

  it('that does not answer is left alone', async () => {
    const server = new FakeServer();
    server.rows = () => Promise.reject(new Error('gone'));
    expect(await loadOf(server).load.busy()).toBe('old s00 127.0.0.1:3320 can’t say how busy it is: gone');
  });
});

describe('a turn', () => {
  function throttleOf(reasons: { server: (string | null)[]; pause: (string | null)[] }) {
    const told: (string | null)[] = [];
    const stopping = new AbortController();
    const throttle = new Throttle({
      serversOf: () => Promise.resolve([{ busy: () => Promise.resolve(reasons.server.shift() ?? null) }]),
      paused: () => Promise.resolve(reasons.pause.shift() ?? null),
      told: (_shard, reason) => told.push(reason),
      stop: stopping.signal,
    });
    return { throttle, told, stopping };
  }

  it('comes at once where nobody is busy', async () => {
    const { throttle, told } = throttleOf({ server: [], pause: [] });
    await throttle.turn('s00');
    expect(told).toEqual([]);
  });

  it('comes when the server is free and nobody wants a pause, and each reason is told once', async () => {
    const { throttle, told } = throttleOf({ server: ['busy', 'busy'], pause: ['a pause', null, null] });
    await throttle.turn('s00');
    expect(told).toEqual(['a pause', 'busy', null]);
    expect(throttle.waiting.size).toBe(0);
  });

  it('waits no longer when the sync is to end', async () => {
    const { throttle, stopping } = throttleOf({ server: [], pause: Array(1000).fill('a pause') });
    const turn = throttle.turn('s00');
    stopping.abort();
    await turn;
    expect(throttle.waiting.get('s00')).toBe('a pause');
  });
});
