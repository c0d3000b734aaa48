/**
 * Files out of Debian's packages, without installing these: fetched by apt-get once a version, unpacked, and kept in
 * the cache. Root is not needed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mayInstall, say, updateLists } from './debian-packages.mjs';
import { cacheFolder } from './debian-root.mjs';

const FETCH_DEADLINE_MS = 300_000;

/**
 * The folder that stands for `/` of these packages; `paths`: what of them is wanted, beginning with `./`, all by
 * default; `name`: what the folder is called, before the first package's version; `prepare` changes what was unpacked.
 * Throws where they can't be fetched.
 */
export function unpackedPackages({ name, packages, paths = [], prepare = () => {} }) {
  const versions = packages.map(candidate);
  const folder = join(cacheFolder(), `${name}-${versions[0].replaceAll(/[^\w.+-]/g, '_')}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cacheFolder(), { recursive: true });
  const making = mkdtempSync(join(cacheFolder(), `making-${name}-`));
  try {
    const root = join(making, 'root');
    mkdirSync(root);
    packages.forEach((each, at) => {
      unpack(each, versions[at], making, root, paths);
    });
    prepare(root);
    moveInPlace(root, folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
}

/** The version that apt would take; the archive's lists are read where they are missing. */
function candidate(name) {
  const found = askedCandidate(name);
  if (found !== null) return found;
  if (mayInstall()) updateLists();
  const second = askedCandidate(name);
  if (second === null) throw new Error(`apt knows no package ${name}: run apt-get update as root.`);
  return second;
}

function askedCandidate(name) {
  const asked = spawnSync('apt-cache', ['policy', name], { encoding: 'utf8' });
  const version = /Candidate: (\S+)/.exec(asked.stdout ?? '')?.[1];
  return version === undefined || version === '(none)' ? null : version;
}

function unpack(name, version, making, root, paths) {
  say(`fetching ${name} ${version} (apt-get)`);
  run('apt-get', ['download', '-q', `${name}=${version}`], making);
  const file = readdirSync(making).find((entry) => entry.startsWith(`${name}_`));
  if (file === undefined) throw new Error(`apt-get brought no ${name}.`);
  const script = 'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" $3';
  run('sh', ['-c', script, 'sh', join(making, file), root, paths.join(' ')]);
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
  // stdout is the caller's answer, so that what a command says goes to stderr.
  const done = spawnSync(command, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: FETCH_DEADLINE_MS,
  });
  if (done.status === 0) return;
  throw new Error(`${command} ended with ${done.signal ?? done.status}: ${String(done.stderr).trim()}`);
}
