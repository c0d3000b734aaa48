/**
 * `node scripts/application-files.mjs wordpress|mediawiki` prints the folder of that application, out of Debian's
 * packages, for `npm run test:applications`, and behind it, a line each, the PHP extensions that it needs and PHP may
 * lack. Nothing is installed, and root is not needed. Exit 2: it can't be fetched.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { unpackedPackages } from './debian-download.mjs';
import { say } from './debian-packages.mjs';

const EXTENSIONS = ['mbstring', 'intl', 'dom', 'simplexml', 'xml', 'xmlreader'];

const APPLICATIONS = {
  wordpress: { packages: ['wordpress'], folder: 'usr/share/wordpress', empty: [] },
  mediawiki: {
    packages: ['mediawiki', 'mediawiki-classes'],
    folder: 'usr/share/mediawiki',
    empty: ['extensions', 'images'],
  },
};

function applicationFiles(name) {
  const application = APPLICATIONS[name];
  if (application === undefined)
    throw new Error(`"${name ?? ''}" is none of ${Object.keys(APPLICATIONS).join(', ')}`);
  const { packages, folder, empty } = application;
  const root = unpackedPackages({
    name,
    packages,
    paths: [`./${folder}`],
    prepare(unpacked) {
      const top = join(unpacked, folder);
      removeDangling(top);
      for (const each of empty) mkdirSync(join(top, each), { recursive: true });
    },
  });
  return join(root, folder);
}

/** Links to what other packages have, and Debian's own settings. */
function removeDangling(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink() && (readlinkSync(path).startsWith('/') || !isThere(path))) rmSync(path);
  }
}

function isThere(path) {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Files of those that this PHP has not loaded. */
function missingExtensions() {
  const asked = spawnSync(
    'php',
    ['-r', 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION, " ", join(" ", get_loaded_extensions());'],
    {
      encoding: 'utf8',
    },
  );
  if (asked.status !== 0) throw new Error('there is no php: install php-cli and php-mysql');
  const [version, ...loaded] = asked.stdout.toLowerCase().split(' ');
  const missing = EXTENSIONS.filter((extension) => !loaded.includes(extension));
  if (missing.length === 0) return [];
  const root = unpackedPackages({
    name: `php${version}`,
    packages: ['mbstring', 'intl', 'xml'].map((each) => `php${version}-${each}`),
    paths: ['./usr/lib/php'],
  });
  const files = readdirSync(join(root, 'usr/lib/php'), { recursive: true }).map(String);
  return missing.map((extension) => {
    const file = files.find((each) => each.endsWith(`/${extension}.so`));
    if (file === undefined) throw new Error(`Debian's packages have no PHP extension ${extension}`);
    return join(root, 'usr/lib/php', file);
  });
}

try {
  process.stdout.write(
    [applicationFiles(process.argv[2]), ...missingExtensions()].map((line) => `${line}\n`).join(''),
  );
} catch (error) {
  say(error.message);
  process.exit(2);
}
