/** The clients of the matrix: how each is started, and what it has not. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../harness/cli.ts';
import { REPOSITORY } from '../../harness/repository.ts';
import { findOrMake } from '../../harness/server-template.ts';
import { temporaryDirectory } from '../../harness/temp.ts';
import type { Client, SessionSettings, StepLine } from './client.ts';
import { commandLineSession } from './command-line.ts';

const SCRIPTS = fileURLToPath(new URL('./', import.meta.url));
const SESSION_TIMEOUT_MS = 60_000;
/** The distribution's own Python has the distribution's modules. */
const PYTHON = '/usr/bin/python3';
const CONNECTOR_J = '/usr/share/java/mariadb-java-client.jar';
const GO_SOURCES = '/usr/share/gocode';
const GO_DRIVER = 'golang-github-go-sql-driver-mysql-dev';
const NO_BULK = 'it has no call for it';
const NO_SESSION = 'it can neither reset a session nor change its user';

const LOAD = { 'local infile': 'LOAD DATA is relayed, not replayed' };
const BLIND = { compression: 'it compresses though it was not offered: the session is relayed blind' };
const UNKNOWN_MODE = {
  prepared: 'it sets `sql_mode` by a parameter or by EXECUTE: what is written in that mode is not replayed',
};
const BULK = { bulk: 'MariaDB’s bulk execution is relayed, not replayed' };

export const CLIENTS: readonly Client[] = [
  {
    id: 'mysqli',
    name: 'PHP mysqli',
    lacks: { bulk: NO_BULK },
    unmirrored: { ...LOAD, ...BLIND },
    run: (settings) => session(settings, 'php', ['-d', 'mysqli.allow_local_infile=1', script('mysqli.php')]),
  },
  {
    id: 'pdo_emulated',
    name: 'PHP PDO, emulated prepares',
    lacks: { bulk: NO_BULK, session: NO_SESSION },
    unmirrored: { ...LOAD, ...BLIND },
    run: (settings) => session(settings, 'php', [script('pdo.php'), 'emulated']),
  },
  {
    id: 'pdo_native',
    name: 'PHP PDO, native prepares',
    lacks: {
      several: 'a text prepared on the server is one statement',
      bulk: NO_BULK,
      session: NO_SESSION,
    },
    unmirrored: { ...LOAD, ...BLIND, ...UNKNOWN_MODE },
    run: (settings) => session(settings, 'php', [script('pdo.php'), 'native']),
  },
  {
    id: 'mysql2',
    name: 'mysql2 (npm)',
    lacks: {},
    unmirrored: LOAD,
    run: (settings) => nodeSession(settings, 'mysql2.ts'),
  },
  {
    id: 'mariadb_npm',
    name: 'mariadb (npm)',
    lacks: {},
    unmirrored: { ...LOAD, ...BULK, ...UNKNOWN_MODE },
    run: (settings) => nodeSession(settings, 'mariadb.ts'),
  },
  {
    id: 'mariadb_cli',
    name: 'mariadb command line',
    lacks: { bulk: NO_BULK, session: NO_SESSION },
    unmirrored: { ...LOAD, ...UNKNOWN_MODE },
    run: (settings) => commandLineSession('mariadb', settings),
  },
  {
    id: 'mysql_cli',
    name: 'MySQL 9 command line',
    lacks: { bulk: NO_BULK },
    unmirrored: { ...LOAD, ...UNKNOWN_MODE },
    run: (settings) => commandLineSession('mysql', settings),
  },
  {
    id: 'pymysql',
    name: 'PyMySQL',
    lacks: {
      prepared: 'it writes values into the text',
      session: NO_SESSION,
      compression: 'it has none',
    },
    unmirrored: LOAD,
    run: (settings) => session(settings, PYTHON, [script('dbapi.py'), 'pymysql']),
  },
  {
    id: 'mysqlclient',
    name: 'mysqlclient (MySQLdb)',
    lacks: { prepared: 'it writes values into the text' },
    unmirrored: LOAD,
    run: (settings) => session(settings, PYTHON, [script('dbapi.py'), 'MySQLdb']),
  },
  {
    id: 'dbd_emulated',
    name: 'DBD::mysql, emulated prepares',
    lacks: { session: NO_SESSION },
    unmirrored: LOAD,
    run: (settings) => session(settings, 'perl', [script('dbd_mysql.pl'), '0']),
  },
  {
    id: 'dbd_server',
    name: 'DBD::mysql, server-side prepares',
    lacks: {
      several: 'a text prepared on the server is one statement',
      streaming: 'the results of a statement prepared on the server are always stored',
      session: NO_SESSION,
    },
    unmirrored: { ...LOAD, ...UNKNOWN_MODE },
    run: (settings) => session(settings, 'perl', [script('dbd_mysql.pl'), '1']),
  },
  {
    id: 'connector_j',
    name: 'MariaDB Connector/J',
    lacks: { charset: 'it speaks UTF-8 alone', session: NO_SESSION },
    unmirrored: { ...LOAD, ...BULK, ...UNKNOWN_MODE },
    run: async (settings) => {
      const classes = `${await javaClasses()}:${CONNECTOR_J}`;
      return session(settings, 'java', ['-XX:TieredStopAtLevel=1', '-cp', classes, 'Session']);
    },
  },
  {
    id: 'go',
    name: 'go-sql-driver/mysql',
    lacks: { bulk: NO_BULK, session: NO_SESSION, compression: 'it has none' },
    unmirrored: { ...LOAD, ...UNKNOWN_MODE },
    // The driver does not know its own version.
    run: async (settings) =>
      session(settings, join(await goProgram(), 'session'), [], {
        CLIENT_VERSION: await debianVersion(GO_DRIVER),
      }),
  },
  {
    id: 'ruby',
    name: 'Ruby mysql2',
    lacks: { bulk: NO_BULK, session: NO_SESSION },
    unmirrored: LOAD,
    run: (settings) => session(settings, 'ruby', [script('session.rb')]),
  },
];

const script = (name: string): string => join(SCRIPTS, name);

async function session(
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

function nodeSession(settings: SessionSettings, name: string): Promise<readonly StepLine[]> {
  return session(settings, process.execPath, ['--import', 'tsx', script(name)]);
}

let java: Promise<string> | undefined;
let go: Promise<string> | undefined;

/** The runtime has the compiler's module, though a machine may have no javac. */
function javaClasses(): Promise<string> {
  const source = script('Session.java');
  java ??= compiled('java', source, ['java', '-version'], (folder) =>
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

function goProgram(): Promise<string> {
  const source = script('session.go');
  go ??= compiled('go', source, ['go', 'version'], async (folder) => {
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
  });
  return go;
}

/** A folder of what a compiler made of `source`: kept between runs, under a name that tells what it is of. */
async function compiled(
  name: string,
  source: string,
  version: readonly [string, string],
  make: (folder: string) => Promise<unknown>,
): Promise<string> {
  const [command, argument] = version;
  const compiler = await runCommand(command, [argument]);
  const hash = createHash('sha256')
    .update(readFileSync(source))
    .update(compiler.stdout + compiler.stderr);
  const path = `.cache/clients/${name}/${hash.digest('hex').slice(0, 16)}`;
  return findOrMake(fileURLToPath(new URL(path, REPOSITORY)), async (folder) => {
    await make(folder);
  });
}

async function debianVersion(name: string): Promise<string> {
  return (await mustRun('dpkg-query', ['--show', `--showformat=\${Version}`, name])).trim();
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
