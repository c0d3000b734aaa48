/** The clients of the matrix: how each is started, and what it has not. */
import { join } from 'node:path';
import type { Client } from './client.ts';
import { commandLineSession } from './command-line.ts';
import {
  CONNECTOR_J,
  goDriverVersion,
  goPrograms,
  javaClasses,
  nodeSession,
  PYTHON,
  script,
  session,
} from './programs.ts';

const NO_BULK = 'it has no call for it';
const NO_SESSION = 'it can neither reset a session nor change its user';

const LOAD = { 'local infile': 'LOAD DATA is relayed, not replayed' };
const BLIND = { compression: 'it compresses though it was not offered: the session is relayed blind' };
const UNKNOWN_MODE = {
  prepared: 'it sets `sql_mode` by a parameter or by EXECUTE: what is written in that mode is not replayed',
};
const CALLED =
  'it stands behind a CALL, which may have set anything: nothing is replayed until the session is reset';
const BULK_CALLED = { bulk: CALLED };
const RESET = {
  session:
    'it logs in with a collation that MariaDB does not have, whose character sets behind a reset are not known: nothing is replayed from there to the next SET NAMES',
};

export const CLIENTS: readonly Client[] = [
  {
    id: 'mysqli',
    name: 'PHP mysqli',
    lacks: { bulk: NO_BULK },
    unmirrored: { ...LOAD, ...BLIND, charset: CALLED },
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
    unmirrored: { ...LOAD, ...BULK_CALLED },
    run: (settings) => nodeSession(settings, 'mysql2.ts'),
  },
  {
    id: 'mariadb_npm',
    name: 'mariadb (npm)',
    lacks: {},
    unmirrored: { ...LOAD, ...UNKNOWN_MODE, ...BULK_CALLED },
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
    unmirrored: { ...LOAD, ...UNKNOWN_MODE, ...RESET },
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
    unmirrored: { ...LOAD, ...BULK_CALLED },
    run: (settings) => session(settings, PYTHON, [script('dbapi.py'), 'pymysql']),
  },
  {
    id: 'mysqlclient',
    name: 'mysqlclient (MySQLdb)',
    lacks: { prepared: 'it writes values into the text' },
    unmirrored: { ...LOAD, ...BULK_CALLED },
    run: (settings) => session(settings, PYTHON, [script('dbapi.py'), 'MySQLdb']),
  },
  {
    id: 'dbd_emulated',
    name: 'DBD::mysql, emulated prepares',
    lacks: { session: NO_SESSION },
    unmirrored: { ...LOAD, ...BULK_CALLED },
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
    unmirrored: { ...LOAD, ...UNKNOWN_MODE, ...BULK_CALLED },
    run: (settings) => session(settings, 'perl', [script('dbd_mysql.pl'), '1']),
  },
  {
    id: 'connector_j',
    name: 'MariaDB Connector/J',
    lacks: { charset: 'it speaks UTF-8 alone', session: NO_SESSION },
    unmirrored: { ...LOAD, ...UNKNOWN_MODE, ...BULK_CALLED },
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
    run: async (settings) => {
      const own = { CLIENT_VERSION: await goDriverVersion() };
      return session(settings, join(await goPrograms(), 'session'), [], own);
    },
  },
  {
    id: 'ruby',
    name: 'Ruby mysql2',
    lacks: { bulk: NO_BULK, session: NO_SESSION },
    unmirrored: LOAD,
    run: (settings) => session(settings, 'ruby', [script('session.rb')]),
  },
];
