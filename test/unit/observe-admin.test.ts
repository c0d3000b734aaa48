import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import { createLog, silentLog } from '../../src/base/log.ts';
import { type Admin, type AdminOptions, startAdmin } from '../../src/observe/admin.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import type { StatusReport } from '../../src/observe/status.ts';
import { waitFor } from '../harness/wait.ts';

const STATUS = {
  id: 'p1',
  service: 'test',
  version: '1',
  pid: 1,
  startedAt: '2024-01-01T00:00:00.000Z',
  draining: false,
  phase: 'mirroring',
  control: { source: 'file', connected: true, revision: 1, appliedAt: '2024-01-01T00:00:00.000Z' },
  workers: [],
  shards: [],
} as const satisfies StatusReport;

const started: Admin[] = [];
afterEach(async () => {
  for (const admin of started.splice(0)) await admin.close();
});

async function start(more: Partial<AdminOptions> = {}): Promise<Admin> {
  const admin = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    metrics: new Metrics({ service: 'test', version: '1', shards: ['s00'] }),
    health: () => ({ pid: 7 }),
    ready: () => ({ ready: true, reasons: [] }),
    status: () => STATUS,
    incidents: () => ({ at: '', matching: 0, incidents: [], exceeded: [] }),
    journal: async () => null,
    log: silentLog(),
    ...more,
  });
  started.push(admin);
  return admin;
}

describe('the token', () => {
  const token = 'correct-horse_battery.staple~1+2/3==';
  const ask = async (url: string, path: string, authorization?: string): Promise<Response> =>
    fetch(`${url}${path}`, authorization === undefined ? {} : { headers: { authorization } });

  it('is asked for by every route, and by what is none', async () => {
    let unauthorized = 0;
    const { url } = await start({
      token,
      unauthorized: () => {
        unauthorized += 1;
      },
    });
    const paths = [
      '/metrics',
      '/api/status',
      '/api/nothing',
      '/',
      '/healthz/x',
      '/%68ealthz/..',
      '//healthz',
    ];
    for (const path of paths) {
      const refused = await ask(url, path);
      expect(refused.status, path).toBe(401);
      expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="understudy"');
      expect(await refused.text()).not.toContain(token);
    }
    expect(unauthorized).toBe(paths.length);
    for (const path of ['/metrics', '/api/status']) {
      expect((await ask(url, path, `Bearer ${token}`)).status).toBe(200);
      expect((await ask(url, path, `bearer  ${token}`)).status).toBe(200);
    }
    expect((await ask(url, '/api/nothing', `Bearer ${token}`)).status).toBe(404);
    expect(unauthorized).toBe(paths.length);
  });

  it.each([
    ...['', 'Bearer', 'Bearer ', token, `Basic ${token}`, `Bearer ${token}x`, `Bearer ${token.slice(1)}`],
    ...[`Bearer ${token.toUpperCase()}`, `Bearer x, Bearer ${token}`, `Token Bearer ${token}`],
  ])('is not "%s"', async (authorization) => {
    const { url } = await start({ token });
    const refused = await ask(url, '/metrics', authorization);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="understudy", error="invalid_token"');
  });

  it('is not asked of probes, and of nobody where none is set', async () => {
    const guarded = await start({ token });
    for (const path of ['/healthz', '/readyz?verbose'])
      expect((await ask(guarded.url, path)).status).toBe(200);
    const head = await fetch(`${guarded.url}/healthz`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    const open = await start();
    expect((await ask(open.url, '/metrics', 'Bearer x')).status).toBe(200);
  });

  it('and its want are logged once a minute at most, without what was sent', async () => {
    const lines: string[] = [];
    const destination = new Writable({
      write: (chunk, _encoding, done) => {
        lines.push(String(chunk));
        done();
      },
    });
    const { url } = await start({ token, log: createLog({ level: 'info', destination }) });
    for (let times = 0; times < 3; times++) await ask(url, '/metrics', 'Bearer not-this-one');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', client: '127.0.0.1', token: 'wrong' });
    expect(lines[0]).not.toContain('not-this-one');
  });
});

describe('the admin listener', () => {
  it('serves the metrics in the text format', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toContain('\nunderstudy_shadow_up{shard="s00"} 0\n');
  });

  it('says it is healthy as long as it serves', async () => {
    const { url } = await start({ ready: () => ({ ready: false, reasons: ['draining'] }) });
    const response = await fetch(`${url}/healthz`);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok', pid: 7 }]);
  });

  it('says it is ready, or with 503 why not', async () => {
    let reasons: string[] = [];
    const { url } = await start({ ready: () => ({ ready: reasons.length === 0, reasons }) });
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', reasons: [] }]);
    reasons = ['shard s00 does not listen yet'];
    const unready = await fetch(`${url}/readyz`);
    expect([unready.status, await unready.json()]).toEqual([503, { status: 'not ready', reasons }]);
  });

  it('serves the status as JSON', async () => {
    const { url } = await start();
    expect(await (await fetch(`${url}/api/status`)).json()).toEqual(STATUS);
  });

  it.each(['/', '/api/nothing', '/metrics/x'])(
    'answers 404 in JSON to %s, without the query',
    async (path) => {
      const { url } = await start();
      const response = await fetch(`${url}${path}?token=abc`);
      const text = await response.text();
      expect(response.status).toBe(404);
      expect(JSON.parse(text)).toMatchObject({ error: 'not_found' });
      expect(text).not.toContain('abc');
    },
  );

  it('takes no writes: a POST is a 404, a large body no more than refused', async () => {
    const { url } = await start();
    expect((await fetch(`${url}/api/status`, { method: 'POST' })).status).toBe(404);
    const large = await fetch(`${url}/api/status`, { method: 'POST', body: 'x'.repeat(1_000_000) }).catch(
      () => null,
    );
    expect(large === null || large.status >= 400).toBe(true);
  });

  it('keeps to itself why a request failed', async () => {
    const status = () => {
      throw new Error('password hunter2');
    };
    const { url } = await start({ status });
    const response = await fetch(`${url}/api/status`);
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({ error: 'internal' });
    expect(text).not.toContain('hunter2');
  });

  it('names admin.port where the port is taken', async () => {
    const { port } = await start();
    const second = start({ port });
    await expect(second).rejects.toThrow(UsageError);
    await expect(second).rejects.toThrow(`admin.port: port ${port} on 127.0.0.1 is taken by another process`);
  });

  it('names admin.host where the address is not ours', async () => {
    await expect(start({ host: '192.0.2.1' })).rejects.toThrow(/^admin\.host: 192\.0\.2\.1 /);
  });

  it('closes in spite of an open connection, and gives the port back', async () => {
    const admin = await start();
    const socket = connect(admin.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\n');
    await once(socket, 'data');
    const gone = new Promise((resolve) => socket.once('close', resolve));
    await admin.close();
    await gone;
    const again = createServer();
    again.listen(admin.port, '127.0.0.1');
    await once(again, 'listening');
    again.close();
  });

  it('turns away connections over its bound and serves again once some are gone', async () => {
    const admin = await start();
    const sockets = Array.from({ length: 200 }, () => connect(admin.port, '127.0.0.1').on('error', () => {}));
    await waitFor(() => sockets.filter((socket) => socket.closed).length >= 136, {
      what: '136 to be turned away',
    });
    expect(sockets.filter((socket) => !socket.closed)).toHaveLength(64);
    for (const socket of sockets) socket.destroy();
    const served = await waitFor(() => fetch(`${admin.url}/healthz`), { what: 'a free connection' });
    expect(served.status).toBe(200);
  });
});
