/**
 * Small Debian systems in which the packaging is tried where no container engine and no systemd runs.
 * `node scripts/image-root.mjs image|systemd [--check]` prints the folder of one, and makes it where it is
 * missing: as root, by debootstrap, once a machine. `image` stands in for the base image of the Dockerfile,
 * `systemd` has an init of its own. Exit 2: it is missing, and can't be made here.
 */
import { fileURLToPath } from 'node:url';
import { say } from './debian-packages.mjs';
import { debianRoot, makeDebianRoot } from './debian-root.mjs';

const SELF = fileURLToPath(import.meta.url);
/** The suite that the slim variant of the image is made of; libatomic1 is what Node needs beyond it. */
const COMMON = { suite: 'trixie', version: 1 };
const RECIPES = {
  image: {
    ...COMMON,
    name: 'image',
    packages: ['libatomic1'],
    self: [SELF, 'image'],
    what: 'The stand-in for the base image',
  },
  systemd: {
    ...COMMON,
    name: 'systemd',
    // procps has /bin/kill, which every ordinary system has.
    packages: ['libatomic1', 'systemd', 'procps'],
    self: [SELF, 'systemd'],
    what: 'The system with systemd',
  },
};

async function main([name, ...flags]) {
  const recipe = Object.hasOwn(RECIPES, name ?? '') ? RECIPES[name] : undefined;
  if (
    recipe === undefined ||
    flags.length > 1 ||
    flags.some((flag) => !['--check', '--make'].includes(flag))
  ) {
    throw new Error('usage: image-root.mjs image|systemd [--check]');
  }
  // --make is how the process that holds the lock calls itself.
  if (flags[0] === '--make') return makeDebianRoot(recipe);
  process.stdout.write(`${await debianRoot(recipe, { checkOnly: flags[0] === '--check' })}\n`);
}

await main(process.argv.slice(2)).catch((error) => {
  say(error.message);
  process.exit(2);
});
