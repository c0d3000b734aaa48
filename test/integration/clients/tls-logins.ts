/** Real clients that log in with TLS or without, and say what came of it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { runCommand } from '../../harness/cli.ts';
import { runMysqlClient } from '../../harness/mysql-root.ts';

export interface LoginTarget {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The authority of the proxy's certificate; null: without TLS. */
  readonly ca: string | null;
}

/** `answer` is what `LOGIN_QUESTION` gave; else what the client says went wrong. */
export interface LoginResult {
  readonly answer?: string;
  readonly errno?: number;
  readonly error?: string;
}

/** Logs in to each target, one after another. */
export type LoginClient = (targets: readonly LoginTarget[]) => Promise<LoginResult[]>;

/** The account, and a text with a zero byte: as hexadecimal digits, which no client's own decoding changes. */
export const LOGIN_QUESTION = "SELECT CONCAT(CURRENT_USER(), ' ', HEX(CONCAT(CHAR(0), REPEAT('x', 3))))";
export const loginAnswer = (user: string): string => `${user}@% 00787878`;

const TIMEOUT_S = 20;
/** The distribution's own Python has the distribution's PyMySQL. */
const PYTHON = '/usr/bin/python3';
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export const LOGIN_CLIENTS: Readonly<Record<string, LoginClient>> = {
  mysql2: (targets) => inTurn(targets, byMysql2),
  'PHP mysqli': (targets) => byScript('php', [script('tls_login.php'), 'mysqli'], targets),
  'PHP PDO': (targets) => byScript('php', [script('tls_login.php'), 'pdo'], targets),
  PyMySQL: (targets) => byScript(PYTHON, [script('tls_login.py')], targets),
  'mariadb 10.11': (targets) => inTurn(targets, byMariadb),
  'mysql 9': (targets) => inTurn(targets, byMysql),
};

async function inTurn(
  targets: readonly LoginTarget[],
  logIn: (target: LoginTarget) => Promise<LoginResult>,
): Promise<LoginResult[]> {
  const results: LoginResult[] = [];
  for (const target of targets) results.push(await logIn(target));
  return results;
}

async function byScript(
  command: string,
  args: readonly string[],
  targets: readonly LoginTarget[],
): Promise<LoginResult[]> {
  const done = await runCommand(command, [...args, JSON.stringify(targets)]);
  if (done.code !== 0) throw new Error(`${command}: ${done.stderr}`);
  return JSON.parse(done.stdout) as LoginResult[];
}

async function byMysql2({ port, user, password, ca }: LoginTarget): Promise<LoginResult> {
  try {
    const ssl = ca === null ? {} : { ssl: { ca: readFileSync(ca), rejectUnauthorized: true } };
    const client = await createConnection({ host: '127.0.0.1', port, user, password, ...ssl });
    const [rows] = await client.query<RowDataPacket[]>({ sql: LOGIN_QUESTION, rowsAsArray: true });
    await client.end();
    return { answer: String((rows[0] as unknown as unknown[])[0]) };
  } catch (error) {
    const { errno = 0, message } = error as NodeJS.ErrnoException;
    return { errno, error: message };
  }
}

function byMariadb(target: LoginTarget): Promise<LoginResult> {
  const tls = target.ca === null ? ['--skip-ssl'] : ['--ssl', `--ssl-ca=${target.ca}`];
  return byCommandLine(target, (args) => runCommand('mariadb', ['--no-defaults', ...args, ...tls]));
}

function byMysql(target: LoginTarget): Promise<LoginResult> {
  const plain = ['--ssl-mode=DISABLED', '--get-server-public-key'];
  const tls = target.ca === null ? plain : ['--ssl-mode=VERIFY_CA', `--ssl-ca=${target.ca}`];
  return byCommandLine(target, (args) => runMysqlClient([...args, ...tls]));
}

async function byCommandLine(
  { port, user, password }: LoginTarget,
  run: (args: string[]) => ReturnType<typeof runCommand>,
): Promise<LoginResult> {
  const done = await run([
    ...['--host=127.0.0.1', `--port=${port}`, `--user=${user}`, `--password=${password}`],
    ...['--batch', '--skip-column-names', `--connect-timeout=${TIMEOUT_S}`, `--execute=${LOGIN_QUESTION}`],
  ]);
  if (done.code === 0) return { answer: done.stdout.trim() };
  const errno = Number(/ERROR (\d+)/.exec(done.stderr)?.[1] ?? 0);
  return { errno, error: done.stderr.trim() };
}
