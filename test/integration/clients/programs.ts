/** How the programs of the sessions are made and started. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../harness/cli.ts';
import { REPOSITORY } from '../../harness/repository.ts';
import { findOrMake } from '../../harness/server-template.ts';
import { temporaryDirectory } from '../../harness/temp.ts';
import type { SessionSettings, StepLine } from './client.ts';

const SCRIPTS = fileURLToPath(new URL('./', import.meta.url));
const SESSION_TIMEOUT_MS = 180_000;
/** The distribution's own Python has the distribution's modules. */
export const PYTHON = '/usr/bin/python3';
export const CONNECTOR_J = '/usr/share/java/mariadb-java-client.jar';
/** Counts up with whatever changes in how programs are made. */
const RECIPE = 1;
const GO_SOURCES = '/usr/share/gocode';
const GO_DRIVER = 'golang-github-go-sql-driver-mysql-dev';
const GO_IMPORT = 'github.com/go-sql-driver/mysql';

export const script = (name: string): string => join(SCRIPTS, name);

export async function session(
  settings: SessionSettings,
  command: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<readonly StepLine[]> {
  const given = Object.entries(settings).map(([name, value]) => [
    `CLIENT_${name.toUpperCase()}`,
    String(value),
  ]);
  const env = { ...Object.fromEntries(given), ...more };
  const done = await runCommand(command, args, { env, timeoutMs: SESSION_TIMEOUT_MS });
  if (done.code !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${done.code}\n${done.stdout}${done.stderr}`);
  }
  const lines = done.stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as StepLine);
}

export function nodeSession(settings: SessionSettings, name: string): Promise<readonly StepLine[]> {
  return session(settings, process.execPath, ['--import', 'tsx', script(name)]);
}

let java: Promise<string> | undefined;
let go: Promise<string> | undefined;

/** The runtime has the compiler's module, though a machine may have no javac. */
export function javaClasses(): Promise<string> {
  const source = script('Session.java');
  java ??= compiled('java', [source, CONNECTOR_J], ['java', '-version'], (folder) =>
    mustRun('java', [
      '-m',
      'jdk.compiler/com.sun.tools.javac.Main',
      '-d',
      folder,
      '-cp',
      CONNECTOR_J,
      source,
    ]),
  );
  return java;
}

/** A session of our own and the driver's own tests, as two programs in one folder. */
export function goPrograms(): Promise<string> {
  const source = script('session.go');
  const driver = join(GO_SOURCES, 'src', GO_IMPORT, 'driver_test.go');
  go ??= compiled('go', [source, driver], ['go', 'version'], async (folder) => {
    mkdirSync(folder, { recursive: true });
    // Only what Debian has laid down is read: nothing is fetched.
    const env = {
      GO111MODULE: 'off',
      GOPATH: GO_SOURCES,
      GOPROXY: 'off',
      GOFLAGS: '',
      CGO_ENABLED: '0',
      GOCACHE: temporaryDirectory('go-cache'),
    };
    await mustRun('go', ['build', '-o', join(folder, 'session'), source], env);
    await mustRun('go', ['test', '-c', '-o', join(folder, 'own-tests'), GO_IMPORT], env);
  });
  return go;
}

/** The driver does not know its own version. */
export async function goDriverVersion(): Promise<string> {
  return (await mustRun('dpkg-query', ['--show', `--showformat=\${Version}`, GO_DRIVER])).trim();
}

/** A folder of what a compiler made: kept between runs, under a name that tells of which files. */
async function compiled(
  name: string,
  sources: readonly string[],
  version: readonly [string, string],
  make: (folder: string) => Promise<unknown>,
): Promise<string> {
  const [command, argument] = version;
  const compiler = await runCommand(command, [argument]);
  const hash = createHash('sha256').update(`${RECIPE} ${compiler.stdout}${compiler.stderr}`);
  for (const source of sources) hash.update(readFileSync(source));
  const path = `.cache/clients/${name}/${hash.digest('hex').slice(0, 16)}`;
  return findOrMake(fileURLToPath(new URL(path, REPOSITORY)), async (folder) => {
    await make(folder);
  });
}

async function mustRun(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const done = await runCommand(command, args, { env, timeoutMs: SESSION_TIMEOUT_MS });
  if (done.code !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}
