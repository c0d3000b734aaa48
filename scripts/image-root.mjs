/**
 * A small Debian system that stands in for the base image of the Dockerfile where no container engine runs.
 * `node scripts/image-root.mjs [--check]` prints its folder, and makes it where it is missing: as root, by
 * debootstrap, once a machine. Exit 2: it is missing, and can't be made here.
 */
import { fileURLToPath } from 'node:url';
import { say } from './debian-packages.mjs';
import { debianRoot, makeDebianRoot } from './debian-root.mjs';

const SELF = fileURLToPath(import.meta.url);
const RECIPE = {
  name: 'image',
  // The suite that the slim variant of the image is made of; libatomic1 is what Node needs beyond it.
  suite: 'trixie',
  packages: ['libatomic1'],
  version: 1,
  script: SELF,
  what: 'The stand-in for the base image',
};

/** The folder of the root, made where it is missing. Throws where it can't be. */
export function imageRoot(options) {
  return debianRoot(RECIPE, options);
}

async function main(args) {
  if (args.length > 1 || args.some((arg) => !['--check', '--make'].includes(arg))) {
    throw new Error('usage: image-root.mjs [--check]');
  }
  // --make is how the process that holds the lock calls itself.
  if (args[0] === '--make') return makeDebianRoot(RECIPE);
  process.stdout.write(`${await imageRoot({ checkOnly: args[0] === '--check' })}\n`);
}

if (process.argv[1] === SELF) {
  await main(process.argv.slice(2)).catch((error) => {
    say(error.message);
    process.exit(2);
  });
}
