/** The systemd unit against the product's own bounds; `npm run verify:service` runs it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { FILES_A_CLIENT, filesOfItsOwn } from '../../src/proxy/client-room.ts';
import { repositoryPath } from '../harness/compose-files.ts';
import { readUnit } from '../harness/unit-file.ts';

const unit = readUnit();
const one = (key: string) => {
  const values = unit.get(key) ?? [];
  expect(values, key).toHaveLength(1);
  return values[0] ?? '';
};
const end = { host: 'h', port: 1, database: 'd' };
const defaults = configSchema.parse({
  service: 'x',
  tables: '*',
  shards: [{ name: 'a', port: 1, old: end, new: end }],
});

describe('the systemd unit', () => {
  it('drains by SIGTERM to the main process, with the time for it', () => {
    expect(one('Service.KillSignal')).toBe('SIGTERM');
    expect(one('Service.KillMode')).toBe('mixed');
    const seconds = Number(one('Service.TimeoutStopSec'));
    expect(seconds * 1000).toBeGreaterThanOrEqual(defaults.drainTimeoutMs + 10_000);
  });

  it('rereads by SIGHUP', () => {
    expect(one('Service.ExecReload')).toBe('/bin/kill -HUP $MAINPID');
  });

  it('comes back for ever, but not with a wrong configuration', () => {
    expect(one('Service.Restart')).toBe('always');
    expect(one('Service.RestartPreventExitStatus')).toBe('2');
    expect(one('Unit.StartLimitIntervalSec')).toBe('0');
  });

  it('has files for the clients of sixteen shards, two for each, and for the proxy itself', () => {
    const clients = defaults.maxConnections * FILES_A_CLIENT * 16;
    const own = filesOfItsOwn(16, defaults.lanes.perShard);
    expect(Number(one('Service.LimitNOFILE'))).toBeGreaterThanOrEqual(clients + own);
  });

  it('leaves memory executable, without which V8 does not start', () => {
    expect(unit.has('Service.MemoryDenyWriteExecute')).toBe(false);
  });

  it('runs a command of the product, and keeps what the documents name', () => {
    expect(one('Service.ExecStart')).toBe(
      '/usr/bin/understudy proxy --config /etc/understudy/proxy.config.json',
    );
    expect(one('Service.StateDirectory')).toBe('understudy');
    const documents = readFileSync(repositoryPath('docs/deployment.md'), 'utf8');
    for (const credential of unit.get('Service.LoadCredential') ?? []) {
      const [name = '', path = ''] = credential.split(':');
      expect(documents).toContain(`/run/credentials/understudy.service/${name}`);
      expect(documents).toContain(path);
    }
  });
});
