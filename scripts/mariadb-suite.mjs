/**
 * The test suite of MariaDB, out of Debian's package `mariadb-test-data`, for `npm run corpus`.
 * `node scripts/mariadb-suite.mjs` prints the folder that holds `main/` and `include/`, and fetches it where
 * it is missing: 20 MB by apt-get, once a version. Nothing is installed, and root is not needed.
 * UNDERSTUDY_CACHE: where it is kept, instead of /var/cache/understudy. Exit 2: it can't be fetched.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mayInstall, say, updateLists } from './debian-packages.mjs';

const PACKAGE = 'mariadb-test-data';
const INSIDE = './usr/share/mysql/mysql-test';
const FOLDERS = ['main', 'include', 'std_data'];
const FETCH_DEADLINE_MS = 300_000;

function suiteFolder() {
  const cache = resolve(process.env.UNDERSTUDY_CACHE ?? '/var/cache/understudy');
  const version = candidate();
  const folder = join(cache, `mariadb-suite-${version.replaceAll(/[^\w.+-]/g, '_')}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const making = mkdtempSync(join(cache, 'making-suite-'));
  try {
    fetchInto(making, version);
    moveInPlace(join(making, 'suite', INSIDE), folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
}

/** The version that apt would take; the archive's lists are read where they are missing. */
function candidate() {
  const found = askedCandidate();
  if (found !== null) return found;
  if (mayInstall()) updateLists();
  const second = askedCandidate();
  if (second === null) throw new Error(`apt knows no package ${PACKAGE}: run apt-get update as root.`);
  return second;
}

function askedCandidate() {
  const asked = spawnSync('apt-cache', ['policy', PACKAGE], { encoding: 'utf8' });
  const version = /Candidate: (\S+)/.exec(asked.stdout ?? '')?.[1];
  return version === undefined || version === '(none)' ? null : version;
}

function fetchInto(making, version) {
  say(`fetching ${PACKAGE} ${version} (apt-get)`);
  run('apt-get', ['download', '-q', `${PACKAGE}=${version}`], making);
  const file = readdirSync(making).find((name) => name.endsWith('.deb'));
  if (file === undefined) throw new Error(`apt-get brought no ${PACKAGE}.`);
  const suite = join(making, 'suite');
  mkdirSync(suite);
  const wanted = FOLDERS.map((name) => `${INSIDE}/${name}`).join(' ');
  run('sh', [
    '-c',
    `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" ${wanted}`,
    'sh',
    join(making, file),
    suite,
  ]);
}

/** Of two processes that fetch at once, the first one's folder stands. */
function moveInPlace(from, folder) {
  try {
    renameSync(from, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

function run(command, args, cwd) {
  // stdout is this script's answer, so that what a command says goes to stderr.
  const done = spawnSync(command, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: FETCH_DEADLINE_MS,
  });
  if (done.status === 0) return;
  throw new Error(`${command} ended with ${done.signal ?? done.status}: ${String(done.stderr).trim()}`);
}

try {
  process.stdout.write(`${suiteFolder()}\n`);
} catch (error) {
  say(error.message);
  process.exit(2);
}
