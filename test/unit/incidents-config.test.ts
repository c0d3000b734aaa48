/** The `incidents` section of the configuration, and the secrets in it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDuration } from '../../src/base/duration.ts';
import { type Config, loadConfig } from '../../src/config/load.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-incidents-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHARD = { name: 's00', port: 3400, old: { host: 'a', port: 1 }, new: { host: 'b', port: 2 } };

function load(incidents: unknown, env: NodeJS.ProcessEnv = {}, accounts = true): Config['incidents'] {
  const file = join(folder, 'proxy.config.json');
  writeFileSync(file, JSON.stringify({ service: 'test', tables: '*', shards: [SHARD], incidents }));
  return loadConfig(file, { env, accounts }).incidents;
}

describe('incidents', () => {
  it('are too many above 40 in an hour, where nothing else is said', () => {
    expect(load(undefined)).toEqual({ thresholds: [{ moreThan: 40, within: '1h' }], webhook: undefined });
    expect(load({ thresholds: [] }).thresholds).toEqual([]);
  });

  it('have a webhook whose URL and headers may be secrets', () => {
    writeFileSync(join(folder, 'url'), 'https://hooks.example/secret\n');
    const webhook = { url: { file: 'url' }, headers: { authorization: { env: 'TOKEN' } } };
    expect(load({ webhook }, { TOKEN: 'Bearer t' }).webhook).toEqual({
      url: 'https://hooks.example/secret',
      headers: { authorization: 'Bearer t' },
      timeoutMs: 5000,
    });
    // Commands that only ask the proxies need none of it.
    expect(load({ webhook }, {}, false).webhook).toBeUndefined();
  });

  it.each([
    [{ thresholds: [{ moreThan: 1, within: '1 hour' }] }, /thresholds\[0\]\.within: must be a time/],
    [{ thresholds: [{ moreThan: 1, within: '3d' }] }, /thresholds\[0\]\.within: must be a time/],
    [{ thresholds: [{ moreThan: 1, within: '30s' }] }, /thresholds\[0\]\.within: must be a time/],
    [{ thresholds: [{ moreThan: -1, within: '1h' }] }, /thresholds\[0\]\.moreThan/],
    [{ thresholds: [{ reason: 'bad_luck', moreThan: 1, within: '1h' }] }, /thresholds\[0\]\.reason/],
    [{ thresholds: [{ shard: 's99', moreThan: 1, within: '1h' }] }, /thresholds\[0\]\.shard: is no shard/],
    [{ webhook: { url: 'ftp://x/s3cret' } }, /webhook\.url: is no http or https URL/],
    [{ webhook: { url: 'no url s3cret' } }, /webhook\.url: is no http or https URL/],
    [{ webhook: { url: { env: 'MISSING' } } }, /webhook\.url: the environment variable MISSING is not set/],
    [{ webhook: { url: 'http://x/', headers: { a: 's3cret\n' } } }, /webhook\.headers\.a: holds characters/],
    [{ webhook: { url: 'http://x/', headers: { 'a b': 'x' } } }, /webhook\.headers/],
  ])('refuses %j, by its path and without showing a secret', (incidents, message) => {
    expect(() => load(incidents)).toThrow(message);
    expect(() => load(incidents)).not.toThrow(/s3cret/);
  });
});

it.each([
  ['90s', 90_000],
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['2d', 172_800_000],
  ['1', null],
  ['h', null],
  ['1w', null],
  ['-1h', null],
  ['1.5h', null],
])('the time %s is %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});
