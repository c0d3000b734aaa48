/** The npm package as people get it: packed from a clean tree, installed in an empty folder without a network, and serving. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RowDataPacket } from 'mysql2/promise';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../harness/cli.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { npm, PACKAGE_VERSION, packRepository } from '../harness/npm-package.ts';
import { freePorts } from '../harness/ports.ts';
import { startChild } from '../harness/process.ts';
import { REPOSITORY } from '../harness/repository.ts';
import { temporaryDirectory } from '../harness/temp.ts';

const INSTALL_TIMEOUT_MS = 480_000;
const OWN_BYTES_MAX = 3 * 1024 * 1024;

const HOME = 'node_modules/understudy';

interface Entry {
  readonly mode: string;
  readonly bytes: number;
}

let installed: string;
let packed: Map<string, Entry>;

beforeAll(async () => {
  const folder = temporaryDirectory('package');
  const tarball = await packRepository(folder);
  packed = await contentOf(tarball);
  installed = join(folder, 'installed');
  mkdirSync(installed);
  await npm(['install', '--offline', '--no-audit', '--no-fund', tarball], installed);
}, INSTALL_TIMEOUT_MS);

async function contentOf(tarball: string): Promise<Map<string, Entry>> {
  const { stdout } = await runCommand('tar', ['--list', '--verbose', '--gzip', '--file', tarball]);
  const lines = stdout.trim().split('\n');
  return new Map(
    lines.map((line) => {
      const [mode = '', , bytes = '', , , path = ''] = line.split(/\s+/);
      return [path.replace(/^package\//, ''), { mode, bytes: Number(bytes) }];
    }),
  );
}

/** By path below `root`: the version of each package that an installation of the product has. */
function versionsIn(lock: string, root: string): Map<string, string> {
  const { packages } = JSON.parse(readFileSync(lock, 'utf8')) as {
    packages: Record<string, { version: string; dev?: boolean }>;
  };
  const kept = Object.entries(packages).filter(
    ([path, { dev }]) => path.startsWith(`${root}node_modules/`) && !dev,
  );
  return new Map(kept.map(([path, { version }]) => [path.slice(root.length), version]));
}

describe('the package', () => {
  it('holds the program, its schema, its documents, and what goes beside it', () => {
    expect([...packed.keys()]).toEqual(
      expect.arrayContaining([
        ...['dist/main.js', 'package.json', 'LICENSE', 'README.md'],
        ...['proxy.config.json', 'schema/proxy.config.schema.json', 'docs/operations.md'],
        ...[
          'deploy/systemd/understudy.service',
          'deploy/prometheus/alerts.yml',
          'deploy/grafana/understudy.json',
        ],
      ]),
    );
  });

  it('holds nothing of the development', () => {
    const wanted = /^(?:dist\/.*\.js$|schema\/|docs\/|deploy\/(?:grafana|prometheus|systemd)\/|[^/]+$)/;
    const own = [...packed].filter(([path]) => !path.startsWith('node_modules/'));
    expect(own.filter(([path]) => !wanted.test(path) || path.includes('.test.'))).toEqual([]);
    expect(own.reduce((sum, [, { bytes }]) => sum + bytes, 0)).toBeLessThan(OWN_BYTES_MAX);
  });

  it('holds a command that can be run', () => {
    expect(packed.get('dist/main.js')?.mode).toBe('-rwxr-xr-x');
    const main = readFileSync(join(installed, HOME, 'dist/main.js'), 'utf8');
    expect(main.startsWith('#!/usr/bin/env node\n')).toBe(true);
  });
});

describe('an installation', () => {
  const command = () => join(installed, 'node_modules/.bin/understudy');

  it('has each dependency in the version of package-lock.json, and no other', () => {
    const wanted = versionsIn(fileURLToPath(new URL('package-lock.json', REPOSITORY)), '');
    const found = versionsIn(join(installed, 'node_modules/.package-lock.json'), `${HOME}/`);
    expect(found.size).toBeGreaterThan(50);
    expect(found).toEqual(wanted);
  });

  it('says its version', async () => {
    expect((statSync(command()).mode & 0o111) !== 0).toBe(true);
    expect(await runCommand(command(), ['--version'], { cwd: installed })).toMatchObject({
      code: 0,
      stdout: `${PACKAGE_VERSION}\n`,
      stderr: '',
    });
  });

  it('serves a query, and drains', async () => {
    const server = await startMariadb();
    await server.query(
      'CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (7)',
    );
    const [port = 0, admin = 0] = await freePorts(2);
    const end = { host: '127.0.0.1', port: server.port };
    const config = {
      service: 'packed',
      admin: { port: admin },
      tables: '*',
      shards: [{ name: 's00', port, old: { ...end, database: 'app' }, new: { ...end, database: 'app' } }],
      newUser: { user: 'root' },
      oldUser: { user: 'root' },
    };
    writeFileSync(join(installed, 'proxy.config.json'), JSON.stringify(config));
    const proxy = await startChild({
      name: 'packed proxy',
      command: command(),
      args: ['proxy'],
      cwd: installed,
      ready: async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok,
    });
    const client = await server.connect({ port, database: 'app' });
    const [rows] = await client.query<RowDataPacket[]>('SELECT id FROM t');
    expect(rows).toEqual([{ id: 7 }]);
    await client.end();
    expect(await proxy.stop()).toEqual({ code: 0, signal: null });
    await server.destroy();
  });
});
