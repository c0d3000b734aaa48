/** Debian's packages on this machine: is a command there, and how apt-get brings what is not. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

// Another apt may be at work on a machine that has just booted.
const APT_PATIENCE = ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3'];
const POLICY_FILE = '/usr/sbin/policy-rc.d';

/** Servers live in sbin, which an ordinary user's PATH may leave out. */
export const COMMAND_PATH = [process.env.PATH ?? '', '/usr/sbin', '/usr/local/sbin', '/sbin'].join(delimiter);

export function commandInPath(name) {
  return COMMAND_PATH.split(delimiter).some((folder) => folder !== '' && executable(join(folder, name)));
}

export function mayInstall() {
  return process.platform === 'linux' && process.getuid?.() === 0 && commandInPath('apt-get');
}

/** Brings packages, or the newest version of those that are there. Throws where apt-get fails. */
export function installPackages(packages) {
  const names = [...new Set(packages)];
  say(`installing ${names.join(' ')} (apt-get)`);
  const heldBack = holdServicesBack();
  try {
    updateLists();
    run('apt-get', [...APT_PATIENCE, 'install', '-q', '-y', '--no-install-recommends', ...names]);
  } finally {
    if (heldBack) rmSync(POLICY_FILE, { force: true });
  }
}

/** Reads the archives' lists anew: a fresh machine may have none. */
export function updateLists() {
  run('apt-get', [...APT_PATIENCE, 'update', '-q']);
}

export function say(text) {
  process.stderr.write(`understudy: ${text}\n`);
}

/** Debian's packages start their services; what runs on this machine is not ours to decide. */
function holdServicesBack() {
  if (existsSync(POLICY_FILE)) return false;
  writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // spawnSync holds signals back until apt-get has ended, which hears Ctrl-C itself.
    process.once(signal, () => {
      rmSync(POLICY_FILE, { force: true });
      process.exit(130);
    });
  }
  return true;
}

function run(command, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const done = spawnSync(command, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${done.signal ?? done.status}`);
}

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
