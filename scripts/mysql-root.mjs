/**
 * A small Debian sid system in a folder of its own, for what stable Debian has not: MySQL 9 and MySQL Router.
 * `node scripts/mysql-root.mjs [--check]` prints the folder, and makes it where it is missing: as root, by
 * debootstrap, once a machine. Its programs are run in place by its own loader (no chroot, no mount), so
 * that anybody may use it. UNDERSTUDY_CACHE: where it is kept, instead of /var/cache/understudy.
 * UNDERSTUDY_DEBIAN_MIRROR: an archive that has sid, where apt's own settings name none.
 * Exit 2: it is missing, and can't be made here.
 */
import { fileURLToPath } from 'node:url';
import { say } from './debian-packages.mjs';
import { debianRoot, makeDebianRoot } from './debian-root.mjs';

const SELF = fileURLToPath(import.meta.url);
const RECIPE = {
  name: 'mysql',
  suite: 'sid',
  // The cores hold the programs alone: nothing that sets up or starts a service comes along.
  packages: ['mysql-server-core', 'mysql-client-core', 'mysql-router'],
  version: 1,
  self: [SELF],
  what: 'The MySQL 9 root',
};

/** The folder of the root, made where it is missing. Throws where it can't be. */
export function mysqlRoot(options) {
  return debianRoot(RECIPE, options);
}

async function main(args) {
  if (args.length > 1 || args.some((arg) => !['--check', '--make'].includes(arg))) {
    throw new Error('usage: mysql-root.mjs [--check]');
  }
  // --make is how the process that holds the lock calls itself.
  if (args[0] === '--make') return makeDebianRoot(RECIPE);
  process.stdout.write(`${await mysqlRoot({ checkOnly: args[0] === '--check' })}\n`);
}

if (process.argv[1] === SELF) {
  await main(process.argv.slice(2)).catch((error) => {
    say(error.message);
    process.exit(2);
  });
}
