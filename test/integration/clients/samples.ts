/** What single drivers do beyond the steps of all, and the tests that a driver brings along. */
import { join } from 'node:path';
import { runCommand } from '../../harness/cli.ts';
import type { OwedDoubt, Sample, SessionSettings, StepLine } from './client.ts';
import { goDriverVersion, goPrograms, nodeSession } from './programs.ts';

const OWN_TESTS_TIMEOUT_MS = 120_000;
/**
 * They wait for seconds, ask the server for the TLS that the proxy has towards clients alone, or read the rows
 * of a UNION in an order that MySQL keeps only while it has memory to spare.
 */
const LEFT_OUT =
  /^Test(?:StaleConnectionChecks|ConnectorReturnsTimeout|LongData|ContextCancel\w+|TLS|StmtMultiRows)$/;

const wholeTable = (table: string): OwedDoubt => ({ table, key: null, reason: 'hazard' });

export const SAMPLES: readonly Sample[] = [
  {
    id: 'mysql2_features',
    name: 'mysql2 (npm)',
    features: [
      'placeholders',
      'named placeholders',
      'values both ways, text and prepared',
      'dateStrings, decimalNumbers, bigNumberStrings',
      'time zones',
      'typeCast',
      'nestTables, rowsAsArray',
      'several statements, with fields and casts',
      'affected, changed and found rows; info; warnings',
      'streams of rows, with backpressure',
      'LOAD DATA from a stream',
      'prepared statements closed at the bound of their cache',
      'hundreds of statements in flight',
      'pool: queue, limits, transactions, end',
      'pool of callbacks, and its events',
      'pool cluster',
      'time-out of a query, and after it',
      'connection attributes',
      'changeUser and reset',
      'errors with code, number, SQLSTATE and statement',
    ],
    unmirrored: {
      // A CALL stands in the same text.
      'messages 22': { table: '*', key: null, reason: 'opaque' },
      'loaded 11': wholeTable('loaded'),
      'loaded 12': wholeTable('loaded'),
    },
    run: (settings) => nodeSession(settings, 'mysql2-features.ts'),
  },
  {
    id: 'mariadb_features',
    name: 'mariadb (npm)',
    features: [
      'pipelining',
      'an error amid pipelined statements',
      'batch in bulk',
      'batch without bulk',
      'batch with an error in it',
      'batch in a transaction that is rolled back',
      'batch of values over 16 MiB in all',
      'named placeholders',
      'prepared statement kept, executed and closed',
      'streams of rows, with backpressure',
      'pool and pool cluster',
      'session variables and time zone',
    ],
    // Larger than what is kept of a command.
    unmirrored: {
      'bodies 20': wholeTable('bodies'),
      'bodies 21': wholeTable('bodies'),
      'bodies 22': wholeTable('bodies'),
      'bodies 23': wholeTable('bodies'),
    },
    run: (settings) => nodeSession(settings, 'mariadb-features.ts'),
  },
  {
    id: 'go_tests',
    name: 'go-sql-driver/mysql',
    features: ['its own tests'],
    unmirrored: {},
    run: goOwnTests,
  },
];

/** The tests that Debian ships with the driver's sources: the outcome of each, by name. */
async function goOwnTests(settings: SessionSettings): Promise<readonly StepLine[]> {
  const env = {
    MYSQL_TEST_USER: settings.user,
    MYSQL_TEST_PASS: settings.password,
    MYSQL_TEST_PROT: 'tcp',
    MYSQL_TEST_ADDR: `127.0.0.1:${settings.port}`,
    MYSQL_TEST_DBNAME: settings.database,
  };
  const program = join(await goPrograms(), 'own-tests');
  const { stdout: list } = await runCommand(program, ['-test.list', 'Test']);
  const names = list.split('\n').filter((name) => name.startsWith('Test') && !LEFT_OUT.test(name));
  const chosen = ['-test.v', '-test.run', `^(${names.join('|')})$`];
  const done = await runCommand(program, chosen, { env, timeoutMs: OWN_TESTS_TIMEOUT_MS });
  const found = [...done.stdout.matchAll(/^--- (PASS|FAIL|SKIP): (\S+)/gm)];
  const outcomes = Object.fromEntries(found.map(([, outcome, name]) => [name, outcome]));
  return [
    { version: `go-sql-driver/mysql ${await goDriverVersion()}` },
    { step: 'its own tests', seen: { outcomes } },
  ];
}
