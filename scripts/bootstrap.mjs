/**
 * Makes a fresh machine ready: Node's version, node_modules, the Debian packages a task needs, and MySQL 9.
 * `node scripts/bootstrap.mjs [--packages-only | --for=demo|test|bench] [--check]`
 * Silent where nothing is missing. Exit 2: something is missing that this process may not install.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandInPath, installPackages, mayInstall, say } from './debian-packages.mjs';
import { mysqlRoot } from './mysql-root.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const NODE_MIN = [20, 19];

const inPath = (name) => ({ name, present: async () => commandInPath(name) });
/** A library has no command of its own: the language that would load it is asked. */
const loads = (name, command, ...args) => ({ name, present: () => succeeds(command, args) });
/** A library that a compiler reads where Debian lays it down. */
const laidDown = (path) => ({ name: path, present: async () => existsSync(path) });

const SERVERS = [
  ['mariadb-server', inPath('mariadbd')],
  ['mariadb-server', inPath('mariadb-install-db')],
  ['mariadb-client', inPath('mariadb')],
  ['etcd-server', inPath('etcd')],
  ['etcd-client', inPath('etcdctl')],
];
const NEEDS = {
  demo: SERVERS,
  test: [
    ...SERVERS,
    ['prometheus', inPath('prometheus')],
    ['prometheus', inPath('promtool')],
    ['openssl', inPath('openssl')],
    ['haproxy', inPath('haproxy')],
    ['sysbench', inPath('sysbench')],
    ['php-cli', inPath('php')],
    [
      'php-mysql',
      loads(
        'php mysqli and pdo_mysql',
        'php',
        '-r',
        'exit(extension_loaded("mysqli") && extension_loaded("pdo_mysql") ? 0 : 1);',
      ),
    ],
    // The Debian interpreter by its path: a python3 that comes first in PATH would not see Debian's modules.
    [
      'python3-pymysql',
      loads(
        'python3 pymysql',
        '/usr/bin/python3',
        '-c',
        'import importlib.util,sys; sys.exit(importlib.util.find_spec("pymysql") is None)',
      ),
    ],
    [
      'python3-mysqldb',
      loads(
        'python3 MySQLdb',
        '/usr/bin/python3',
        '-c',
        'import importlib.util,sys; sys.exit(importlib.util.find_spec("MySQLdb") is None)',
      ),
    ],
    ['libdbd-mysql-perl', loads('perl DBD::mysql', 'perl', '-MDBD::mysql', '-e', '1')],
    ['ruby-mysql2', loads('ruby mysql2', 'ruby', '-e', 'require "mysql2"')],
    // The runtime alone: it has the compiler's module.
    ['default-jre-headless', inPath('java')],
    ['libmariadb-java', laidDown('/usr/share/java/mariadb-java-client.jar')],
    ['golang-go', inPath('go')],
    [
      'golang-github-go-sql-driver-mysql-dev',
      laidDown('/usr/share/gocode/src/github.com/go-sql-driver/mysql/driver.go'),
    ],
  ],
  bench: [
    ...SERVERS,
    ['sysbench', inPath('sysbench')],
    ['haproxy', inPath('haproxy')],
    ['percona-toolkit', inPath('pt-table-sync')],
  ],
};
/** MySQL 9 takes minutes to bring: whoever does without it does not wait for it. */
const NEED_MYSQL = ['test'];
/** The benches measure MySQL Router beside the others, and say so where it is not there. */
const WANT_MYSQL = ['bench'];

/** Brings the machine to what `task` needs; null: node_modules alone. Ends the process where it can't. */
export async function bootstrap(task, { checkOnly = false } = {}) {
  requireNode();
  if (!checkOnly) installModules();
  if (task === null) return;
  await bringPackages(task, checkOnly);
  if (WANT_MYSQL.includes(task)) await mysqlRoot({ checkOnly }).catch((error) => say(error.message));
  if (NEED_MYSQL.includes(task)) await mysqlRoot({ checkOnly }).catch((error) => fail(error.message));
}

async function bringPackages(task, checkOnly) {
  const missing = await missingFor(task);
  if (missing.length === 0) return;
  if (checkOnly || !mayInstall()) refuse(missing);
  installPackages(missing.map((need) => need.package));
  const still = await missingFor(task);
  if (still.length > 0) refuse(still);
}

/** What `task` needs and the machine has not: [{ package, name }]. */
async function missingFor(task) {
  const present = await Promise.all(NEEDS[task].map(([, probe]) => probe.present()));
  return NEEDS[task]
    .filter((_, index) => !present[index])
    .map(([name, probe]) => ({ package: name, name: probe.name }));
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  fail(
    `Understudy needs Node ${NODE_MIN.join('.')} or later; this is ${process.versions.node} (${process.execPath}).`,
  );
}

function installModules() {
  if (modulesMatchLock()) return;
  say('installing node_modules (npm ci)');
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']];
  const done = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  if (done.status !== 0) fail('npm ci failed; see above.');
}

/**
 * A fresh checkout may give an unchanged lock file a new time, so that times alone would reinstall for
 * nothing: where the lock is newer, the versions decide.
 */
function modulesMatchLock() {
  const lock = join(ROOT, 'package-lock.json');
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const found = JSON.parse(readFileSync(installed, 'utf8')).packages;
  // npm's own list may outlive what it lists.
  if (Object.keys(found).some((path) => !existsSync(join(ROOT, path)))) return false;
  if (statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return true;
  const wanted = JSON.parse(readFileSync(lock, 'utf8')).packages;
  const differs = Object.entries(wanted).some(
    ([path, entry]) => path !== '' && !entry.optional && found[path]?.version !== entry.version,
  );
  if (differs) return false;
  utimesSync(installed, new Date(), new Date());
  return true;
}

function refuse(missing) {
  const names = [...new Set(missing.map((need) => need.package))].join(' ');
  const what = missing.map((need) => need.name).join(', ');
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  const command = `${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends ${names}`;
  fail(`Not installed: ${what}. On Debian or Ubuntu run:\n  ${command}`);
}

function succeeds(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

function fail(text) {
  say(text);
  process.exit(2);
}

async function main(args) {
  const packagesOnly = args.includes('--packages-only');
  const task = args.find((arg) => arg.startsWith('--for='))?.slice('--for='.length);
  const known = ['--packages-only', '--check', `--for=${task}`];
  if (
    args.some((arg) => !known.includes(arg)) ||
    packagesOnly === (task !== undefined) ||
    (task && !NEEDS[task])
  ) {
    fail('usage: bootstrap.mjs --packages-only | --for=demo|test|bench [--check]');
  }
  await bootstrap(task ?? null, { checkOnly: args.includes('--check') });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2)).catch((error) => fail(error.message));
}
