/**
 * `npm run verify:image`: carries out the Dockerfile where no container engine runs, and tries what comes of it
 * with real servers and the configuration of docker-compose.yml. It needs root, for chroot and namespaces.
 * Prints each step; exit 1 at the first that fails. docs/deployment.md says what this shows and what it can't.
 */
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  makeSecrets,
  readCompose,
  readSecret,
  repositoryPath,
  runInitFiles,
  serviceOf,
  shippedProxyConfig,
} from '../test/harness/compose-files.ts';
import { startEtcd } from '../test/harness/etcd.ts';
import { startMariadb } from '../test/harness/mariadb.ts';
import { startMysql } from '../test/harness/mysql.ts';
import { freePorts } from '../test/harness/ports.ts';
import { REPOSITORY } from '../test/harness/repository.ts';
import { temporaryDirectory } from '../test/harness/temp.ts';
import { waitFor } from '../test/harness/wait.ts';
import { prepareBase } from './image/base.ts';
import { buildImage } from './image/build.ts';
import { type Container, runContainer, startContainer } from './image/container.ts';
import { readDockerfile, type Stage } from './image/dockerfile.ts';

/** What a production image has no use for. */
const DEVELOPMENT = ['typescript', 'vitest', 'tsx', '@biomejs', 'fast-check', 'dockerfile-ast', 'yaml'];
const WAIT_MS = 60_000;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

if (process.getuid?.() !== 0) {
  process.stderr.write('verify-image needs root: it makes namespaces and enters a root of its own.\n');
  process.exit(2);
}
await verify();

async function verify(): Promise<void> {
  const stages = readDockerfile(repositoryPath('Dockerfile'));
  const image = stages.at(-1);
  if (image === undefined) throw new Error('the Dockerfile has no stage');
  const work = temporaryDirectory('image');
  const base = prepareBase(image.base, work);
  say(`standing in for ${image.base}: ${base.nodeVersion} on Debian`);
  const root = buildImage({ stages, base, context: fileURLToPath(REPOSITORY), work, say });
  checkContents(root);
  await checkCommands(root, image);
  await checkService(root, image);
  say('The image is well.');
}

function checkContents(root: string): void {
  const modules = join(root, 'opt/understudy/node_modules');
  const surplus = DEVELOPMENT.filter((name) => existsSync(join(modules, name)));
  check(surplus.length === 0, `it holds no development dependency (${surplus.join(' ') || 'none'})`);
  const owned = execFileSync('find', [join(root, 'opt'), '!', '-user', '0'], { encoding: 'utf8' });
  check(owned === '', 'its program belongs to root, whom it does not run as');
}

/** What needs no server. */
async function checkCommands(root: string, image: Stage): Promise<void> {
  const plain = { root, image, mounts: [] };
  const { version } = JSON.parse(readFileSync(join(root, 'opt/understudy/package.json'), 'utf8')) as {
    version: string;
  };
  const told = await runContainer({ ...plain, entrypoint: ['understudy'], command: ['--version'] });
  check(told.code === 0 && told.stdout.trim() === version, `"understudy --version" says ${version}`);
  const without = await runContainer(plain);
  check(without.code === 2, `without a configuration it ends with code 2 (${without.stderr.trim()})`);
  const probe = image.healthcheck?.command ?? [];
  const alone = await runContainer({ ...plain, entrypoint: probe, command: [] });
  check(alone.code === 1, 'the health check fails where no proxy is');
}

async function checkService(root: string, image: Stage): Promise<void> {
  const secrets = makeSecrets();
  const [oldServer, newServer, etcd] = await Promise.all([startMariadb(), startMysql(), startEtcd()]);
  await runInitFiles('old', oldServer.port, secrets);
  await runInitFiles('new', newServer.port, secrets);
  const [admin = 0, ...shards] = await freePorts(3);
  const places = { old: oldServer.port, new: newServer.port, etcd: etcd.port, admin, shards };
  const folder = temporaryDirectory('container');
  const config = join(folder, 'proxy.config.json');
  writeFileSync(config, JSON.stringify({ ...shippedProxyConfig(places), workers: 2 }, null, 2));
  const volume = join(folder, 'volume');
  mkdirSync(volume);
  chownSync(volume, 1000, 1000);
  const container = await startContainer({
    root,
    image,
    mounts: [
      { source: config, target: '/etc/understudy/proxy.config.json', mode: 'ro' },
      ...mountedSecrets(secrets),
      { source: `${volume}/`, target: image.volumes[0] ?? '', mode: 'rw' },
    ],
  });
  const probe = image.healthcheck?.command ?? [];
  const state = await waitFor(
    async () => {
      if (!container.child.running()) return 'ended';
      return (await container.exec(probe)).code === 0 && 'well';
    },
    { timeoutMs: WAIT_MS, what: 'the health check to be well' },
  );
  const { child } = container;
  check(state === 'well', `it starts, and its health check is well ${child.running() ? '' : child.stderr()}`);
  checkConfinement(container);
  await checkWrites(container, image);
  await checkAdmin(`http://127.0.0.1:${admin}`, readSecret(secrets, 'admin-token'));

  for (const kind of ['writes', 'deletes'])
    await etcd.put(`/understudy/message-center/mirror/${kind}`, '100');
  const status = await container.exec(['understudy', 'status']);
  check(status.code === 0, '"understudy status" works in it');
  const app = await oldServer.connect({
    ...{ port: shards[0] ?? 0, user: 'app', database: 'mc_00' },
    password: readSecret(secrets, 'app-password'),
  });
  let item = 0;
  // A ratio takes a moment to arrive, so that the first rows may be left out.
  await waitFor(
    async () => {
      item += 1;
      await app.query("INSERT INTO comments VALUES (1, 1, ?, 2, 1700000000, 'a')", [item]);
      const rows = await newServer.query<never[]>('SELECT itemid FROM shard_00.comments LIMIT 1');
      return rows.length > 0;
    },
    { timeoutMs: WAIT_MS, what: 'a row to reach the new cluster' },
  );
  say('ok: a row that a client writes through it reaches the new cluster');
  await app.end();
  await checkEnd(container, image);
  say(`ok: it wrote to its volume alone (${readdirSync(volume).join(' ') || 'nothing there'})`);
  await Promise.all([oldServer.destroy(), newServer.destroy(), etcd.kill9()]);
}

/** As the kernel sees its first process. */
function checkConfinement({ pid }: Container): void {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => new RegExp(`^${name}:\\s+(.+)$`, 'm').exec(text)?.[1] ?? '';
  check(field('NSpid').endsWith('\t1'), 'it is process 1 of its own');
  check(/^1000\s+1000\s+1000\s+1000$/.test(field('Uid')), 'it runs as 1000, not as root');
  check(/^0+$/.test(field('CapEff') + field('CapBnd')), 'it has no capability, and can get none');
  check(field('NoNewPrivs') === '1', 'it can gain no right');
}

async function checkWrites(container: Container, image: Stage): Promise<void> {
  const write = (path: string) => container.exec(['/bin/sh', '-c', `echo >${path}`]);
  for (const path of ['/tmp/x', '/etc/understudy/x', '/etc/understudy/proxy.config.json', '/run/secrets/x']) {
    const { code, stderr } = await write(path);
    check(code !== 0 && stderr.includes('Read-only file system'), `${path} can't be written`);
  }
  const { code } = await write(`${image.volumes[0]}/.probe`);
  check(code === 0, 'its volume can');
}

async function checkAdmin(url: string, token: string): Promise<void> {
  const ask = async (path: string, headers = {}) => (await fetch(url + path, { headers })).status;
  await waitFor(async () => (await ask('/readyz')) === 200, {
    timeoutMs: WAIT_MS,
    what: '/readyz to be well',
  });
  say('ok: /readyz answers without a token');
  check((await ask('/metrics')) === 401, '/metrics asks for the token');
  check(
    (await ask('/metrics', { authorization: `Bearer ${token}` })) === 200,
    '/metrics answers to the token',
  );
}

async function checkEnd({ child, pid }: Container, image: Stage): Promise<void> {
  process.kill(pid, image.stopSignal as NodeJS.Signals);
  const { code, signal } = await child.exited;
  const output = child.stdout() + child.stderr();
  check(code === 0, `${image.stopSignal} ends it with code 0 (${signal ?? code})`);
  check(output.includes('"msg":"stopped"'), 'it drained before');
  const faults = output.split('\n').filter((line) => /EROFS|EACCES|EPERM|"level":(?:50|60)/.test(line));
  check(faults.length === 0, `it logged no fault, and missed no right${faults.join('\n')}`);
}

/** One by one, as compose mounts them: the folder that they lie in is closed to the container's user. */
function mountedSecrets(folder: string): { source: string; target: string; mode: 'ro' }[] {
  return serviceOf(readCompose(), 'understudy').secrets.map((name) => ({
    source: join(folder, name),
    target: `/run/secrets/${name}`,
    mode: 'ro',
  }));
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`It does not hold: ${what}`);
  say(`ok: ${what}`);
}
