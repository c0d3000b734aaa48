/** An application of others, run as its own programs run it: where its files are, and how PHP is started on them. */
import { fileURLToPath } from 'node:url';
import { type CliResult, runCommand } from '../../test/harness/cli.ts';

export const APPLICATIONS = ['wordpress', 'mediawiki'] as const;
export type ApplicationName = (typeof APPLICATIONS)[number];

export interface Application {
  readonly name: ApplicationName;
  /** Version of Debian's package. */
  readonly version: string;
  readonly root: string;
  readonly phpArguments: readonly string[];
}

export interface Place {
  readonly port: number;
  readonly database: string;
  /** Where it keeps what is its own. */
  readonly folder: string;
}

const MARGIN_MS = 120_000;
const FETCH_TIMEOUT_MS = 600_000;

/** Fetches it where it is missing; throws what its files can't be had for. */
export async function findApplication(name: ApplicationName): Promise<Application> {
  const script = fileURLToPath(new URL('../application-files.mjs', import.meta.url));
  const found = await runCommand(process.execPath, [script, name], { timeoutMs: FETCH_TIMEOUT_MS });
  if (found.code !== 0) throw new Error(found.stderr.trim());
  const [root = '', ...extensions] = found.stdout.trim().split('\n');
  const version = new RegExp(`/${name}-([^/]+)/`).exec(root)?.[1] ?? 'of an unknown version';
  const phpArguments = extensions.flatMap((extension) => ['-d', `extension=${extension}`]);
  return { name, version, root, phpArguments };
}

export async function install(application: Application, place: Place): Promise<void> {
  ended(await php(application, place, 'install.php', [place.folder], MARGIN_MS));
}

/** One of its users, for so long; answers how many steps it took. */
export async function runAuthor(
  application: Application,
  place: Place,
  { seed, seconds }: { readonly seed: number; readonly seconds: number },
): Promise<number> {
  const args = [String(seed), String(seconds), place.folder];
  const done = ended(await php(application, place, 'load.php', args, seconds * 1000 + MARGIN_MS));
  return Number(done.stdout.trim().split('\n').at(-1));
}

function php(
  { name, root, phpArguments }: Application,
  { port, database }: Place,
  file: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<CliResult> {
  const script = fileURLToPath(new URL(`${name}/${file}`, import.meta.url));
  return runCommand('php', ['-d', 'memory_limit=1G', ...phpArguments, script, ...args], {
    env: {
      ...process.env,
      APPLICATION_ROOT: root,
      APPLICATION_PORT: String(port),
      APPLICATION_DATABASE: database,
      APPLICATION_PHP_ARGUMENTS: phpArguments.join(' '),
    },
    timeoutMs,
  });
}

function ended(done: CliResult): CliResult {
  if (done.code === 0) return done;
  throw new Error(`php ended with ${done.code}\n${done.stdout.slice(-1000)}${done.stderr.slice(-1000)}`);
}
