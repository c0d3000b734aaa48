/** The configuration file: what is kept beside the code agrees with it, and faults are told all at once. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configurationPage } from '../../scripts/configuration-page.ts';
import { UsageError } from '../../src/base/errors.ts';
import { jsonSchemaText } from '../../src/config/json-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';

const inRepository = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHARD = { name: 's00', port: 3400, old: { host: 'a', port: 1 }, new: { host: 'b', port: 2 } };
const MINIMAL = { service: 'test', tables: { messages: { key: 'folderid' } }, shards: [SHARD] };

let written = 0;
function write(content: unknown): string {
  written += 1;
  const file = join(folder, `config-${written}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

/** The faults of `content`, one a line, without the file's name. */
function faultsOf(content: unknown, env: NodeJS.ProcessEnv = {}): string[] {
  const file = write(content);
  try {
    loadConfig(file, { env });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.message.split('\n').map((line) => line.replace(`${file}: `, ''));
  }
  return [];
}

describe('what is kept in the repository', () => {
  it('the JSON Schema is the one generated from the code (npm run schema)', () => {
    expect(readFileSync(inRepository('schema/proxy.config.schema.json'), 'utf8')).toBe(jsonSchemaText());
  });

  it('so is the page of its fields, and each says what it is for', () => {
    const page = readFileSync(inRepository('docs/configuration.md'), 'utf8');
    expect(page).toBe(configurationPage(jsonSchemaText()));
    expect(page.split('\n').filter((line) => /\| *\|$/.test(line))).toEqual([]);
  });

  it('the example is valid', () => {
    const example: unknown = JSON.parse(readFileSync(inRepository('proxy.config.json'), 'utf8'));
    expect(configSchema.safeParse(example).error?.issues ?? []).toEqual([]);
  });

  it('the example loads with its passwords at hand, and names both where they are not', () => {
    const env = { UNDERSTUDY_NEW_PASSWORD: 'n', UNDERSTUDY_OLD_PASSWORD: 'o' };
    const config = loadConfig(inRepository('proxy.config.json'), { env });
    expect(config.newUser).toEqual({ user: 'understudy', password: 'n' });
    expect(config.oldUser).toEqual({ user: 'understudy', password: 'o' });
    expect(() => loadConfig(inRepository('proxy.config.json'), { env: {} })).toThrow(
      /newUser\.password: .*UNDERSTUDY_NEW_PASSWORD[\s\S]*oldUser\.password: .*UNDERSTUDY_OLD_PASSWORD/,
    );
  });
});

describe('loadConfig', () => {
  it('fills in the documented defaults', () => {
    const config = loadConfig(write(MINIMAL), { env: {} });
    expect(config).toMatchObject({
      listen: { host: '127.0.0.1' },
      admin: { host: '127.0.0.1', port: 9104 },
      workers: availableParallelism(),
      mirror: { reads: 0, writes: 0, deletes: 0 },
      newUser: { user: 'understudy', password: '' },
      etcd: undefined,
      logLiterals: false,
      journal: { directory: join(folder, 'var/journal') },
    });
  });

  it('takes 1 to 128 workers', () => {
    expect(loadConfig(write({ ...MINIMAL, workers: 128 })).workers).toBe(128);
    for (const workers of [0, 129, 1.5, 'all'])
      expect(faultsOf({ ...MINIMAL, workers })).toEqual([expect.stringMatching(/^workers: /)]);
  });

  it('takes "*" for the tables, and etcd’s prefix from the service', () => {
    const config = loadConfig(write({ ...MINIMAL, tables: '*', etcd: { hosts: ['http://127.0.0.1:2379'] } }));
    expect(config.tables).toBe('*');
    expect(config.etcd).toMatchObject({ prefix: '/understudy/test/', rereadMs: 3000, leaseTtlSeconds: 10 });
  });

  it('reports every fault at once, each with its path', () => {
    const faults = faultsOf({
      service: 'test',
      tables: { messages: { key: 'folderid' } },
      admin: { port: 70_000 },
      mirror: { reads: 101, writes: 0.125 },
      shards: [{ ...SHARD, port: 'x', old: { host: '', port: 1 } }],
    });
    const paths = faults.map((fault) => fault.slice(0, fault.indexOf(':')));
    expect(paths.sort()).toEqual([
      'admin.port',
      'mirror.reads',
      'mirror.writes',
      'shards[0].old.host',
      'shards[0].port',
    ]);
    expect(faults.find((fault) => fault.startsWith('mirror.writes'))).toBe(
      'mirror.writes: has more than two decimals',
    );
  });

  it('refuses unknown keys, at every depth, by name', () => {
    const faults = faultsOf({
      ...MINIMAL,
      shard: [],
      queue: { statement: 1 },
      shards: [{ ...SHARD, new: { host: 'b', port: 2, databse: 'x' } }],
    });
    expect(faults.sort()).toEqual([
      'queue.statement: is not a known field',
      'shard: is not a known field',
      'shards[0].new.databse: is not a known field',
    ]);
  });

  it('refuses two shards of one name or port', () => {
    expect(faultsOf({ ...MINIMAL, shards: [SHARD, { ...SHARD, port: 3401 }] })).toEqual([
      'shards[1].name: "s00" is already taken by shards[0]',
    ]);
    expect(faultsOf({ ...MINIMAL, shards: [SHARD, { ...SHARD, name: 's01' }] })).toEqual([
      'shards[1].port: "3400" is already taken by shards[0]',
    ]);
  });

  it('refuses ratios of a shard that is none, and an empty list of tables', () => {
    expect(faultsOf({ ...MINIMAL, mirror: { shards: { s9: { reads: 1 } } } })).toEqual([
      'mirror.shards.s9: is no shard of this file',
    ]);
    expect(faultsOf({ ...MINIMAL, tables: {} })).toEqual([
      'tables: names no table; write "*" for every table',
    ]);
  });

  it('reports faults between fields together with those of single fields', () => {
    const faults = faultsOf({
      ...MINIMAL,
      tables: {},
      shards: [SHARD, { ...SHARD, old: { host: 'a', port: 0 } }, { ...SHARD, name: 's02', port: 3402 }],
      admin: { port: 70_000 },
      surplus: 1,
      mirror: { reads: 101, shards: { s9: { reads: 1 } } },
      breaker: { backoffMinMs: 20_000, failures: 0 },
      etcd: { hosts: ['127.0.0.1:2379'], key: 'key.pem' },
    });
    expect(faults.map((fault) => fault.slice(0, fault.indexOf(':'))).sort()).toEqual([
      'admin.port',
      'breaker.backoffMinMs',
      'breaker.failures',
      'etcd.certificate',
      'etcd.hosts[0]',
      'mirror.reads',
      'mirror.shards.s9',
      'shards[1].name',
      'shards[1].old.port',
      'shards[1].port',
      'surplus',
      'tables',
    ]);
  });

  it('tells of each file of TLS by its place, its path and what to do', () => {
    const there = write('no certificate');
    const away = join(folder, 'away.pem');
    const faults = faultsOf({
      ...MINIMAL,
      listen: { tls: { certificate: there, key: 'away.pem' } },
      oldTls: { ca: there },
    });
    expect(faults).toEqual([
      expect.stringMatching(`^listen\\.tls\\.certificate: ${there}: .*name a PEM file with the certificate`),
      expect.stringMatching(`^listen\\.tls\\.key: ${away}: ENOENT.*without a passphrase`),
      expect.stringMatching(`^oldTls\\.ca: ${there}: .*the authority$`),
    ]);
    expect(
      faultsOf({ ...MINIMAL, oldTls: { certificate: 'a' }, newTls: { verify: false, ca: 'a' } }),
    ).toEqual([
      'oldTls.certificate: certificate and key go together',
      'newTls.ca: is never looked at with "verify": false; leave out one of the two',
    ]);
  });

  it('needs no key of TLS where no cluster is logged in to', () => {
    const file = write({ ...MINIMAL, newTls: { ca: 'away.pem' } });
    expect(loadConfig(file, { accounts: false }).newTls?.files.ca).toBe(join(folder, 'away.pem'));
  });

  it('tells of a field once, and judges nothing by a field that is wrong in itself', () => {
    const overrides = { mirror: { shards: { s00: { reads: 1 }, 'a b': { reads: 1 } } } };
    expect(faultsOf({ ...MINIMAL, ...overrides, shards: [{ ...SHARD, name: 7 }] })).toEqual([
      expect.stringMatching(/^shards\[0\]\.name: /),
      expect.stringMatching(/^mirror\.shards\.a b: /),
    ]);
    expect(faultsOf({ ...MINIMAL, ...overrides })).toHaveLength(1);
    expect(faultsOf({ ...MINIMAL, breaker: { backoffMinMs: 'x', backoffMaxMs: 10 } })).toHaveLength(1);
    expect(faultsOf({ ...MINIMAL, shards: 5, tables: [], etcd: 'x', mirror: null, breaker: 1 })).toHaveLength(
      5,
    );
    expect(faultsOf('[]')).toHaveLength(1);
    expect(faultsOf('null')).toHaveLength(1);
  });

  it('takes addresses and networks of balancers, and names those that are none', () => {
    const listen = (...trusted: unknown[]) => ({ ...MINIMAL, listen: { proxyProtocol: { trusted } } });
    expect(faultsOf(listen('10.0.0.0/8', '::1/128', '192.168.1.7', '::ffff:10.0.0.0/104'))).toEqual([]);
    const faults = faultsOf(listen('10.0.0.0/8', '10.0.0.1/8', 'balancer', 7));
    expect(faults.map((fault) => fault.slice(0, fault.indexOf(':')))).toEqual([
      'listen.proxyProtocol.trusted[1]',
      'listen.proxyProtocol.trusted[2]',
      'listen.proxyProtocol.trusted[3]',
    ]);
    expect(faults[0]).toMatch(/must be an address or a network such as "10\.0\.0\.0\/8"/);
    expect(faultsOf(listen())).toHaveLength(1);
    expect(faultsOf({ ...MINIMAL, oldProxyProtocol: 'v3' })).toHaveLength(1);
  });

  it('says what may stand where one of several forms may', () => {
    const etcd = { hosts: ['127.0.0.1:2379'] };
    expect(faultsOf({ ...MINIMAL, tables: ['messages'], etcd, newUser: { user: 'n', password: 5 } })).toEqual(
      [
        'tables: must be "*", or the tables by name, each as {"key": "COLUMN"}',
        'newUser.password: must be a text, {"env": "NAME"} or {"file": "PATH"}',
        'etcd.hosts[0]: must be a URL such as "http://127.0.0.1:2379"',
      ],
    );
  });

  it('says where the JSON breaks off, and which file can’t be read', () => {
    const file = write('{\n  "service": "test",\n  oops\n}');
    expect(() => loadConfig(file)).toThrow(`${file}:3:3: is not valid JSON`);
    const missing = join(folder, 'missing.json');
    expect(() => loadConfig(missing)).toThrow(`${missing}: can't be read`);
  });
});

describe('the admin token', () => {
  const open = (host: string, token?: unknown) => ({
    ...MINIMAL,
    admin: token === undefined ? { host } : { host, token },
  });

  it.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1', 'localhost'])('%s needs none', (host) => {
    expect(faultsOf(open(host))).toEqual([]);
  });

  it.each(['0.0.0.0', '::', '10.0.0.5', 'proxy-a', 'localhost.example', '128.0.0.1'])(
    '%s needs one',
    (host) => {
      expect(faultsOf(open(host))).toEqual([
        `admin.token: is needed where admin.host ("${host}") is not loopback: write a text of 16 characters or more, {"env": "NAME"} or {"file": "PATH"}`,
      ]);
      expect(faultsOf(open(host, { env: 'TOKEN' }), { TOKEN: '0123456789abcdef' })).toEqual([]);
    },
  );

  it('is refused, and not shown, where it is short or can’t be sent', () => {
    expect(faultsOf(open('::', 'fifteen-letters'))).toEqual([
      expect.stringMatching(/^admin\.token: has 15 characters, of which it needs 16: /),
    ]);
    expect(faultsOf(open('::1', { env: 'TOKEN' }), { TOKEN: '' })).toEqual([
      expect.stringMatching(/^admin\.token: has 0 characters/),
    ]);
    for (const token of [
      'a token with blanks',
      'quoted"quoted"quoted',
      'schlüsselschlüssel',
      'two\nlinestwolines',
    ]) {
      const faults = faultsOf(open('::', token));
      expect(faults).toEqual([expect.stringMatching(/^admin\.token: may hold letters, digits/)]);
      expect(faults[0]).not.toContain(token.slice(0, 8));
    }
    const missing = faultsOf(open('::', { env: 'TOKEN' }));
    expect(missing).toEqual(['admin.token: the environment variable TOKEN is not set']);
  });

  it('is not asked for by commands that ask no proxy', () => {
    const file = write(open('::', { env: 'NOT_SET' }));
    expect(loadConfig(file, { env: {}, accounts: false, admin: false }).admin.token).toBeUndefined();
    expect(() => loadConfig(file, { env: {}, accounts: false })).toThrow(/admin\.token: .*NOT_SET/);
  });
});

describe('secrets', () => {
  it('come from the text, the environment or a file beside the configuration', () => {
    writeFileSync(join(folder, 'secret'), 'from the file\n');
    const file = write({
      ...MINIMAL,
      newUser: { user: 'n', password: { env: 'NEW' } },
      oldUser: { user: 'o', password: { file: 'secret' } },
      etcd: { hosts: ['http://127.0.0.1:2379'], user: 'e', password: 'as written' },
    });
    const config = loadConfig(file, { env: { NEW: 'from the environment' } });
    expect(config.newUser.password).toBe('from the environment');
    expect(config.oldUser.password).toBe('from the file');
    expect(config.etcd?.password).toBe('as written');
  });

  it('that can’t be found are all named, and none is shown', () => {
    const faults = faultsOf({
      ...MINIMAL,
      newUser: { user: 'n', password: { env: 'NOT_SET' } },
      oldUser: { user: 'o', password: { file: 'no-such-file' } },
      etcd: { hosts: ['http://127.0.0.1:2379'], password: 'hidden', ca: 'no-such-ca.pem' },
    });
    expect(faults).toHaveLength(3);
    expect(faults[0]).toBe('newUser.password: the environment variable NOT_SET is not set');
    expect(faults[1]).toMatch(/^oldUser\.password: .*no-such-file/);
    expect(faults[2]).toMatch(/^etcd\.ca: .*no-such-ca\.pem/);
    expect(faults.join('\n')).not.toContain('hidden');
  });

  it('are not asked for by commands that log in nowhere', () => {
    const file = write({ ...MINIMAL, newUser: { user: 'n', password: { env: 'NOT_SET' } } });
    expect(loadConfig(file, { env: {}, accounts: false }).newUser).toEqual({ user: 'n', password: '' });
  });

  it('a wrong value of one is not shown', () => {
    const faults = faultsOf({ ...MINIMAL, newUser: { user: 'n', password: { value: 'hidden' } } });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^newUser\.password/);
    expect(faults[0]).not.toContain('hidden');
  });
});
