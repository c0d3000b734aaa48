/**
 * Builds dist/ for tests, demo and benches when it is older than its sources. `node scripts/build.mjs`
 * Types are `npm run check`'s to judge, so they are not looked at here; the build stands in a folder of
 * its own and is swapped in whole, so that no process ever starts from half a build.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, 'dist');
const MAIN = join(DIST, 'main.js');
const SWAP_ATTEMPTS_MAX = 20;

export function buildIfStale() {
  if (!stale()) return;
  const folder = join(ROOT, '.cache', `build-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    compile(join(folder, 'dist'));
    swapIn(join(folder, 'dist'), join(folder, 'before'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function stale() {
  if (!existsSync(MAIN)) return true;
  const built = statSync(MAIN).mtimeMs;
  const inputs = ['package.json', 'tsconfig.json', 'tsconfig.build.json'].map((name) => join(ROOT, name));
  for (const entry of readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })) {
    // A folder's time tells of files that were removed.
    inputs.push(join(entry.parentPath, entry.name));
  }
  return inputs.some((path) => (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > built);
}

function compile(outDir) {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', 'tsconfig.build.json', '--noCheck', '--outDir', outDir];
  const done = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`the build failed:\n${done.stdout}${done.stderr}`);
  const main = join(outDir, 'main.js');
  if (!existsSync(main)) throw new Error('the build made no main.js: src/main.ts is missing');
  chmodSync(main, 0o755);
}

/** Two runs may build at once: whoever comes last wins, and both builds are good. */
function swapIn(built, aside) {
  for (let attempt = 0; attempt < SWAP_ATTEMPTS_MAX; attempt += 1) {
    try {
      if (existsSync(DIST)) renameSync(DIST, `${aside}-${attempt}`);
      renameSync(built, DIST);
      return;
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
    }
  }
  throw new Error(`could not swap the build into ${DIST}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    buildIfStale();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
