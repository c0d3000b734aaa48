/**
 * The test suite of MariaDB, out of Debian's package `mariadb-test-data`, for `npm run corpus`.
 * `node scripts/mariadb-suite.mjs` prints the folder that holds `main/` and `include/`, and fetches it where
 * it is missing: 20 MB by apt-get, once a version. Nothing is installed, and root is not needed.
 * UNDERSTUDY_CACHE: where it is kept, instead of /var/cache/understudy. Exit 2: it can't be fetched.
 */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unpackedPackages } from './debian-download.mjs';
import { say } from './debian-packages.mjs';

const INSIDE = 'usr/share/mysql/mysql-test';
const FOLDERS = ['main', 'include', 'std_data'];

try {
  const folder = unpackedPackages({
    name: 'mariadb-suite',
    packages: ['mariadb-test-data'],
    paths: FOLDERS.map((folder) => `./${INSIDE}/${folder}`),
    prepare(root) {
      for (const each of FOLDERS) renameSync(join(root, INSIDE, each), join(root, each));
      rmSync(join(root, 'usr'), { recursive: true });
    },
  });
  process.stdout.write(`${folder}\n`);
} catch (error) {
  say(error.message);
  process.exit(2);
}
