/**
 * `npm run verify:service`: runs the shipped unit under systemd, with the npm package installed as
 * docs/deployment.md says, against real servers: a small Debian of its own, in namespaces. It needs root.
 * Prints each step; exit 1 at the first that fails.
 */
import { copyFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { repositoryPath } from '../test/harness/compose-files.ts';
import { startMariadb } from '../test/harness/mariadb.ts';
import { PACKAGE_VERSION, packRepository } from '../test/harness/npm-package.ts';
import { freePorts } from '../test/harness/ports.ts';
import type { SqlServer } from '../test/harness/sql-server.ts';
import { temporaryDirectory } from '../test/harness/temp.ts';
import { UNIT_PATH } from '../test/harness/unit-file.ts';
import { waitFor } from '../test/harness/wait.ts';
import { prepareBase } from './image/base.ts';
import { run } from './image/build.ts';
import { readDockerfile } from './image/dockerfile.ts';
import { bootSystemd, installFile, type SystemdSystem } from './image/systemd.ts';

/** systemd's own scale: 0 is nothing, 10 all; it calls up to 1.9 "OK". */
const EXPOSURE_MAX = 1.9;
const WAIT_MS = 60_000;
const CREDENTIALS = '/run/credentials/understudy.service';
const PASSWORD = 'not root’s';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

if (process.getuid?.() !== 0) {
  process.stderr.write('verify-service needs root: it makes namespaces and boots a system in them.\n');
  process.exit(2);
}
await verify();

async function verify(): Promise<void> {
  const [port = 0, admin = 0] = await freePorts(2);
  const server = await startMariadb();
  await prepareServer(server);
  const root = await installPackage();
  installFile(
    root,
    'etc/understudy/proxy.config.json',
    JSON.stringify(configOf(server.port, port, admin)),
    0o644,
  );
  for (const name of ['new-password', 'old-password'])
    installFile(root, `etc/understudy/${name}`, PASSWORD, 0o600);
  copyFileSync(
    join(root, 'usr/lib/node_modules/understudy', UNIT_PATH),
    join(root, 'etc/systemd/system', basename(UNIT_PATH)),
  );
  const system = await bootSystemd(root);
  try {
    await checkUnit(system);
    await checkRunning(system, server, port, admin);
    await checkEnds(system, admin);
    installFile(root, 'etc/understudy/proxy.config.json', '{}', 0o644);
    await checkRefusal(system);
  } finally {
    await system.destroy();
    await server.destroy();
  }
  say('The service is well.');
}

async function prepareServer(server: SqlServer): Promise<void> {
  await server.query(`
    CREATE DATABASE app; CREATE DATABASE shadow;
    CREATE TABLE app.t (id INT PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE shadow.t LIKE app.t;
    CREATE USER understudy@'%' IDENTIFIED BY '${PASSWORD}';
    GRANT SELECT, SHOW VIEW, TRIGGER ON app.* TO understudy@'%';
    GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER ON shadow.* TO understudy@'%'`);
}

/** As an administrator would: Node, and the package installed for all. */
async function installPackage(): Promise<string> {
  const image = readDockerfile(repositoryPath('Dockerfile')).at(-1)?.base ?? '';
  const work = temporaryDirectory('service');
  const base = prepareBase(image, work, 'systemd');
  const tarball = await packRepository(work);
  copyFileSync(tarball, join(base.root, 'root', basename(tarball)));
  run(base.root, `npm install --global --prefix /usr ./${basename(tarball)}`, '/root', {}, base.npmCache);
  say(`understudy ${PACKAGE_VERSION} is installed, with Node ${base.nodeVersion}`);
  return base.root;
}

function configOf(server: number, port: number, admin: number) {
  const end = { host: '127.0.0.1', port: server };
  return {
    service: 'verified',
    admin: { port: admin },
    workers: 2,
    tables: '*',
    shards: [{ name: 's00', port, old: { ...end, database: 'app' }, new: { ...end, database: 'shadow' } }],
    mirror: { writes: 100 },
    newUser: { user: 'understudy', password: { file: `${CREDENTIALS}/new-password` } },
    oldUser: { user: 'understudy', password: { file: `${CREDENTIALS}/old-password` } },
    journal: { directory: '/var/lib/understudy/journal' },
  };
}

async function checkUnit(system: SystemdSystem): Promise<void> {
  const unit = `/etc/systemd/system/${basename(UNIT_PATH)}`;
  const verified = await system.exec(['systemd-analyze', 'verify', '--man=no', unit]);
  check(verified.code === 0 && verified.stderr === '', `systemd takes the unit ${verified.stderr}`);
  const judged = await system.exec(['systemd-analyze', 'security', '--offline=true', '--no-pager', unit]);
  const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(judged.stdout)?.[1]);
  check(exposure <= EXPOSURE_MAX, `its exposure is ${exposure} of 10`);
}

async function checkRunning(
  system: SystemdSystem,
  server: SqlServer,
  port: number,
  admin: number,
): Promise<void> {
  const started = await system.exec(['systemctl', 'start', 'understudy']);
  check(started.code === 0, `it starts ${started.stderr}`);
  await ready(system, admin);
  say('ok: it serves, with the secrets that systemd handed over');
  const pid = await shown(system, 'MainPID');
  const { stdout } = await system.exec(['cat', `/proc/${pid}/status`]);
  const field = (name: string) => new RegExp(`^${name}:\\s+(.+)$`, 'm').exec(stdout)?.[1] ?? '';
  check(!field('Uid').startsWith('0'), `it runs as ${field('Uid').split('\t')[0]}, an account of its own`);
  check(
    /^0+$/.test(field('CapEff')) && field('NoNewPrivs') === '1',
    'it has no capability, and can gain none',
  );
  check(field('Seccomp') === '2', 'its system calls are filtered');
  const client = await server.connect({ port, database: 'app' });
  await client.query('INSERT INTO t VALUES (7)');
  await client.end();
  await waitFor(async () => (await server.query<RowDataPacket[]>('SELECT id FROM shadow.t')).length === 1, {
    timeoutMs: WAIT_MS,
    what: 'the row to be mirrored',
  });
  say('ok: a row that a client writes through it reaches the new cluster');
  const reloaded = await system.exec(['systemctl', 'reload', 'understudy']);
  check(
    reloaded.code === 0 && (await shown(system, 'MainPID')) === pid,
    'a reload is taken, by the same process',
  );
}

async function checkEnds(system: SystemdSystem, admin: number): Promise<void> {
  await system.exec(['systemctl', 'kill', '--kill-whom=main', '--signal=KILL', 'understudy']);
  await waitFor(async () => (await shown(system, 'NRestarts')) === '1', {
    timeoutMs: WAIT_MS,
    what: 'systemd to start it again',
  });
  await ready(system, admin);
  say('ok: killed, it comes back');
  const stopped = await system.exec(['systemctl', 'stop', 'understudy']);
  const result = [await shown(system, 'Result'), await shown(system, 'ExecMainStatus')].join(' ');
  check(stopped.code === 0 && result === 'success 0', `a stop drains, and it ends with code 0 (${result})`);
  const { stdout } = await system.exec(['journalctl', '--unit=understudy', '--output=cat', '--no-pager']);
  check(stdout.includes('"msg":"stopped"'), 'what it logs is in the journal');
  const missed = stdout.split('\n').filter((line) => /EPERM|EACCES|EROFS|"level":(?:50|60)/.test(line));
  check(missed.length === 0, `it missed no right ${missed.join('\n')}`);
  const state = await system.exec(['stat', '--format=%a', '/var/lib/private/understudy']);
  check(state.stdout.trim() === '700', 'its state has a folder that nobody else reads');
}

async function checkRefusal(system: SystemdSystem): Promise<void> {
  await system.exec(['systemctl', 'reset-failed', 'understudy']);
  await system.exec(['systemctl', 'start', 'understudy']);
  await waitFor(async () => (await shown(system, 'ActiveState')) === 'failed', {
    timeoutMs: WAIT_MS,
    what: 'the start with a wrong configuration to fail',
  });
  const told = `${await shown(system, 'ExecMainStatus')} after ${await shown(system, 'NRestarts')} restarts`;
  check(told === '2 after 0 restarts', `with a wrong configuration it ends with code ${told}`);
}

async function ready(system: SystemdSystem, admin: number): Promise<void> {
  try {
    await waitFor(async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok, {
      timeoutMs: WAIT_MS,
      what: 'it to serve',
    });
  } catch (error) {
    const { stdout } = await system.exec(['journalctl', '--unit=understudy', '--no-pager']);
    throw new Error(`${String(error)}\n${stdout}`);
  }
}

async function shown(system: SystemdSystem, property: string): Promise<string> {
  const { stdout } = await system.exec([
    'systemctl',
    'show',
    '--value',
    `--property=${property}`,
    'understudy',
  ]);
  return stdout.trim();
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`It does not hold: ${what}`);
  say(`ok: ${what.trim()}`);
}
