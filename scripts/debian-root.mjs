/**
 * Small Debian systems in folders of their own, made once a machine by debootstrap and kept in
 * /var/cache/understudy (UNDERSTUDY_CACHE: elsewhere). UNDERSTUDY_DEBIAN_MIRROR: an archive that has the
 * wanted suite, where apt's own settings name none.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  COMMAND_PATH,
  commandInPath,
  installPackages,
  mayInstall,
  say,
  updateLists,
} from './debian-packages.mjs';

// Never read by the programs, and about a quarter of the whole.
const LEFT_OUT = [
  'usr/share/doc',
  'usr/share/info',
  'usr/share/locale',
  'usr/share/man',
  'var/cache/apt',
  'var/lib/apt/lists',
];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const MAKE_DEADLINE_MS = 900_000;
// Whoever holds the lock may make it to the end of its own deadline.
const LOCK_DEADLINE_MS = MAKE_DEADLINE_MS + 60_000;
const LOCK_DENIED = 75;
const LOG_TAIL = 2000;
const UNKNOWN_KEY = /signed by unknown key|Invalid Release signature/;

/**
 * The folder of the root, made where it is missing. Throws where it can't be. A recipe is { name, suite,
 * packages, version, self, what }: `version` counts up with whatever else changes, so that a root of another
 * recipe is another folder; `self` is the file, and its arguments, that makes the root when it is run with --make;
 * `what` is its name for people.
 */
export async function debianRoot(recipe, { checkOnly = false } = {}) {
  const root = rootFolder(recipe);
  if (existsSync(root)) return root;
  if (checkOnly || !mayInstall()) throw new Error(howToMake(recipe, root));
  const tools = missingTools();
  if (tools.length > 0) installPackages(tools);
  await makeUnderLock(recipe, root);
  return root;
}

/** Where everything is kept that outlives a run. */
export function cacheFolder() {
  return resolve(process.env.UNDERSTUDY_CACHE ?? '/var/cache/understudy');
}

function rootFolder({ name, suite, version }) {
  return join(cacheFolder(), `${name}-${suite}-${process.arch}-${version}`);
}

function howToMake({ self, what }, root) {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  return `${what} is not at ${root}. On Debian run:\n  ${sudo}node ${self.join(' ')}`;
}

function missingTools() {
  const tools = ['debootstrap', 'gpgv'].filter((name) => !commandInPath(name));
  return existsSync(KEYRING) ? tools : [...tools, 'debian-archive-keyring'];
}

/** The kernel frees the lock with the process that holds it, so that no dead try stops the next one. */
async function makeUnderLock(recipe, root) {
  mkdirSync(cacheFolder(), { recursive: true, mode: 0o755 });
  const lock = `${root}.lock`;
  const code = await runToEnd(
    'flock',
    [
      ...['--timeout', String(LOCK_DEADLINE_MS / 1000), '--conflict-exit-code', String(LOCK_DENIED), lock],
      ...dyingWithParent(process.execPath, [...recipe.self, '--make']),
    ],
    { stdio: ['ignore', 2, 2], timeout: LOCK_DEADLINE_MS + MAKE_DEADLINE_MS },
  );
  if (code === LOCK_DENIED) throw new Error(`another process has held ${lock} for too long`);
  if (code !== 0) throw new Error(`${recipe.what} could not be made; see above.`);
}

/** With the lock held: builds beside the root's place, and moves it there when it is whole. */
export async function makeDebianRoot(recipe) {
  const root = rootFolder(recipe);
  if (existsSync(root)) return;
  const making = `${root}.making`;
  const packages = `${root}.packages`;
  say(`making ${recipe.what} (debootstrap; a minute or two)`);
  const mirror = debianMirror();
  let log = await bootstrapSystem(recipe, mirror, making, packages);
  if (log !== null && UNKNOWN_KEY.test(log)) {
    // The keys that sign a suite may be newer than this machine: stable's archive vouches for them.
    installPackages(['debian-archive-keyring']);
    log = await bootstrapSystem(recipe, mirror, making, packages);
  }
  if (log !== null) throw new Error(`debootstrap failed:\n${log.slice(-LOG_TAIL)}`);
  for (const path of LEFT_OUT) removeTree(join(making, path));
  renameSync(making, root);
  removeTree(packages);
}

/** Null where it went well, else what was logged. What a try has fetched stays in `packages` for the next. */
async function bootstrapSystem(recipe, mirror, making, packages) {
  removeTree(making);
  mkdirSync(packages, { recursive: true });
  const path = `${making}.log`;
  const log = openSync(path, 'w');
  try {
    const args = [
      ...['--variant=minbase', `--include=${recipe.packages.join(',')}`, `--keyring=${KEYRING}`],
      ...[`--cache-dir=${packages}`, recipe.suite, making, mirror],
    ];
    const options = { stdio: ['ignore', log, log], timeout: MAKE_DEADLINE_MS };
    const code = await runToEnd(...inOwnNamespace('debootstrap', args), options);
    return code === 0 ? null : logged(path, making);
  } finally {
    closeSync(log);
    rmSync(path);
  }
}

function logged(path, making) {
  const inside = join(making, 'debootstrap', 'debootstrap.log');
  const paths = [inside, path].filter((each) => existsSync(each));
  return paths.map((each) => readFileSync(each, 'utf8')).join('\n');
}

/**
 * debootstrap mounts /proc in what it makes, and starts many processes. In namespaces of its own, both are
 * gone when it is, however it ends.
 */
function inOwnNamespace(command, args) {
  const own = ['--mount', '--pid', '--fork', '--kill-child'];
  const may = spawnSync('unshare', [...own, 'true'], { stdio: 'ignore' }).status === 0;
  return may ? ['unshare', [...own, '--', command, ...args]] : [command, args];
}

/** The archive that this machine's own apt reads. */
function debianMirror() {
  const given = process.env.UNDERSTUDY_DEBIAN_MIRROR;
  if (given !== undefined) return given;
  let found = aptMirror();
  if (found === undefined) {
    updateLists();
    found = aptMirror();
  }
  if (found === undefined) {
    throw new Error('apt reads no Debian archive here: name one in UNDERSTUDY_DEBIAN_MIRROR');
  }
  return found;
}

function aptMirror() {
  const format = '$(REPO_URI) $(COMPONENT) $(ORIGIN) $(LABEL)';
  const done = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const lines = done.stdout.split('\n').map((line) => line.split(' '));
  const isDebian = ([uri, component, ...names]) =>
    /^(https?|file):/.test(uri) && component === 'main' && names.join(' ') === 'Debian Debian';
  return lines.find(isDebian)?.[0];
}

/** debootstrap fetches by wget, which has to be told of the proxy that apt uses. */
function aptProxy() {
  const done = spawnSync('apt-config', ['shell', 'proxy', 'Acquire::http::Proxy'], { encoding: 'utf8' });
  const proxy = /^proxy='(.+)'/.exec(done.stdout ?? '')?.[1];
  return proxy === undefined ? {} : { http_proxy: proxy };
}

/** Never into another file system: what is mounted below is not ours. */
function removeTree(path) {
  if (!existsSync(path)) return;
  const done = spawnSync('rm', ['-rf', '--one-file-system', '--', path], { stdio: ['ignore', 2, 2] });
  if (done.status !== 0) throw new Error(`${path} can't be removed`);
}

/** Runs a command that ends with this process; its exit code, or null where a signal ended it. */
function runToEnd(command, args, options) {
  const [wrapped, ...rest] = dyingWithParent(command, args);
  const env = { ...aptProxy(), ...process.env, PATH: COMMAND_PATH };
  const child = spawn(wrapped, rest, { ...options, env, killSignal: 'SIGKILL' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}

function dyingWithParent(command, args) {
  return ['setpriv', '--pdeathsig', 'KILL', '--', command, ...args];
}
