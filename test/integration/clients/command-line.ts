/** A session of a command line client: each step is a run of the program, told like a step of the others. */
import { createHash } from 'node:crypto';
import { messageOf } from '../../../src/base/errors.ts';
import { type CliResult, runCommand } from '../../harness/cli.ts';
import { runMysqlClient } from '../../harness/mysql-root.ts';
import type { SessionSettings, StepLine } from './client.ts';
import { bigBlob, bigText, FAILING, SEVERAL, STREAM, TITLES, TYPES } from './step.ts';

export type Program = 'mariadb' | 'mysql';

interface Run {
  readonly args?: readonly string[];
  readonly login?: Partial<SessionSettings>;
  /** Left out: in plain. */
  readonly tls?: true;
}

type Step = () => Promise<Readonly<Record<string, unknown>>>;

/** Runs every step; the text of an error holds the place in the input, and all else is the server's. */
export async function commandLineSession(
  program: Program,
  settings: SessionSettings,
): Promise<readonly StepLine[]> {
  const session = new CommandLine(program, settings);
  const lines: StepLine[] = [{ version: await session.version() }];
  for (const [step, run] of Object.entries(session.steps())) {
    try {
      lines.push({ step, seen: await run() });
    } catch (error) {
      lines.push({ step, fault: messageOf(error) });
    }
  }
  return lines;
}

class CommandLine {
  readonly #program: Program;
  readonly #settings: SessionSettings;

  constructor(program: Program, settings: SessionSettings) {
    this.#program = program;
    this.#settings = settings;
  }

  async version(): Promise<string> {
    const { stdout } = await this.#run(['--version']);
    return stdout.trim().replace(/^\S*\/(?=\w+ )/, '');
  }

  steps(): Readonly<Record<string, Step>> {
    return {
      connect: () => this.#connect(),
      refused: () => this.#refused(),
      types: () => this.#types(),
      prepared: () => this.#prepared(),
      transactions: () => this.#transactions(),
      errors: () => this.#errors(),
      'big values': () => this.#bigValues(),
      several: () => this.#several(),
      procedures: () => this.#procedures(),
      charset: () => this.#charset(),
      'local infile': () => this.#localInfile(),
      streaming: () => this.#streaming(),
      ...(this.#program === 'mysql' ? { session: () => this.#session() } : {}),
      reconnect: () => this.#reconnect(),
      compression: () => this.#compression(),
      TLS: async () => ({ rows: (await this.#underTls({}, 15)).rows }),
      'TLS through': () => this.#underTls({ port: this.#settings.tlsport }, 16),
    };
  }

  async #connect() {
    await this.#rows('SELECT 1');
    const sql = 'SELECT CONNECTION_ID() = @@pseudo_thread_id, CURRENT_USER(), DATABASE(), VERSION()';
    const [row] = await this.#rows(sql);
    return { same_id: row?.[0] === '1', user: row?.[1], database: row?.[2], info: row?.[3] };
  }

  async #refused() {
    const wrong = await this.#fails('SELECT 1', { login: { password: 'wrong' } });
    const nowhere = await this.#fails('SELECT 1', { login: { database: 'no_such_database' } });
    return { errors: [wrong, nowhere] };
  }

  async #types() {
    const out = await this.#said(`${TYPES}; SELECT ROW_COUNT(); SELECT * FROM facts ORDER BY folderid`, {
      args: ['--binary-as-hex', '--column-type-info'],
    });
    // The statement's fields come first, then its rows.
    const title = out.includes('ünïcode 海 🙂') ? 'ünïcode 海 🙂' : null;
    return { affected: Number(/^(\d)$/m.exec(out)?.[1]), title, out };
  }

  async #prepared() {
    const rows = TITLES.map(([item, title]) => [item, title === null ? 'NULL' : quoted(title)]);
    const inserts = rows.map(([item, title]) => `SET @a = ${item}, @b = ${title}; EXECUTE i USING @a, @b;`);
    await this.#said(`PREPARE i FROM 'INSERT INTO messages VALUES (2, ?, ?)'; ${inserts.join('\n')}`);
    const mode = `PREPARE s FROM "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"; EXECUTE s;
      PREPARE c FROM 'SELECT CONNECTION_ID() = @@pseudo_thread_id'; EXECUTE c; SELECT @@SESSION.sql_mode;
      INSERT INTO "messages" VALUES (2, 4, 'a\\');`;
    const [[same] = [], [seen] = []] = await this.#rows(mode);
    const select = 'SELECT itemid, title FROM messages WHERE folderid = 2 AND itemid < 4 ORDER BY itemid';
    return { rows: await this.#rows(select, { args: ['--raw'] }), same_id: same === '1', mode: seen };
  }

  async #transactions() {
    await this.#said(`BEGIN; INSERT INTO messages VALUES (4, 1, 'rolled back'); ROLLBACK;
      BEGIN; INSERT INTO messages VALUES (4, 2, 'committed'); SAVEPOINT s;
      INSERT INTO messages VALUES (4, 3, 'undone'); ROLLBACK TO SAVEPOINT s; COMMIT;
      SET autocommit = 0; INSERT INTO messages VALUES (4, 4, 'also committed'); COMMIT;
      BEGIN; INSERT INTO messages VALUES (4, 5, 'never committed');`);
    return { items: await this.#rows('SELECT itemid FROM messages WHERE folderid = 4 ORDER BY 1') };
  }

  async #errors() {
    await this.#said("INSERT INTO messages VALUES (5, 1, 'one')");
    const errors: unknown[] = [];
    for (const sql of [...FAILING, "PREPARE s FROM 'SELECT missing FROM messages'"]) {
      errors.push(await this.#fails(sql));
    }
    const warnings = await this.#rows("INSERT IGNORE INTO messages VALUES (5, 1, 'double'); SHOW WARNINGS");
    const forced = "SELECT missing; SELECT 'after'";
    const after = (await this.#run([`--execute=${forced}`], { args: ['--force'] })).stdout;
    return { errors, warnings, after: rowsIn(after) };
  }

  async #bigValues() {
    const packet = { args: ['--max-allowed-packet=64M'] };
    const [blob, huge] = [1, 17].map((mebibytes) => bigBlob(mebibytes));
    const inserts = [
      `INSERT INTO bodies VALUES (6, '${bigText()}', 0x${blob?.toString('hex')});`,
      `INSERT INTO bodies VALUES (7, NULL, 0x${huge?.toString('hex')});`,
    ];
    await this.#said(inserts.join('\n'), packet);
    const [small] = await this.#rows('SELECT text, HEX(body) FROM bodies WHERE folderid = 6', packet);
    const [large] = await this.#rows('SELECT SHA2(body, 256) FROM bodies WHERE folderid = 7', packet);
    return {
      text: small?.[0] === bigText(),
      blob: small?.[1]?.toLowerCase() === blob?.toString('hex'),
      huge:
        large?.[0] ===
        createHash('sha256')
          .update(huge ?? '')
          .digest('hex'),
    };
  }

  /** With another delimiter the semicolons reach the server: several statements in one text. */
  async #several() {
    const said = await this.#said(`DELIMITER //\n${SEVERAL}//\n`);
    const failed = await this.#run([], {}, 'DELIMITER //\nSELECT 3; SELECT missing//\n');
    return { results: rowsIn(said), error: [failed.stdout, errorIn(failed)] };
  }

  async #procedures() {
    const results = (await this.#rows('CALL two(7)')).map((row) => [row.map(numeric)]);
    const [out] = await this.#rows('CALL outs(20, @out); SELECT @out');
    return { results, out: Number(out?.[0]) };
  }

  async #charset() {
    await this.#said(Buffer.from("INSERT INTO messages VALUES (10, 1, '\xe9')", 'latin1'), {
      args: ['--default-character-set=latin1'],
    });
    const read = await this.#said(
      'SELECT HEX(CONVERT(title USING latin1)) FROM messages WHERE folderid = 10',
    );
    await this.#said(Buffer.from("INSERT INTO messages VALUES (10, 2, '\x95\x5c')", 'latin1'), {
      args: ['--default-character-set=gbk'],
    });
    const stored = await this.#rows('SELECT HEX(title) FROM messages WHERE folderid = 10 ORDER BY itemid');
    return { latin1: read.trim().toLowerCase(), stored };
  }

  async #localInfile() {
    const path = this.#settings.csv;
    const load = `LOAD DATA LOCAL INFILE '${path}' INTO TABLE loaded FIELDS TERMINATED BY ','`;
    const [affected] = await this.#rows(`${load}; SELECT ROW_COUNT()`, { args: ['--local-infile=1'] });
    return { affected: Number(affected?.[0]), rows: await this.#rows('SELECT * FROM loaded ORDER BY 1') };
  }

  async #streaming() {
    const rows = await this.#rows(STREAM, { args: ['--quick'] });
    return { count: rows.length, last: Number(rows.at(-1)?.[0]) };
  }

  async #session() {
    const sql = `SET @mine = 1;\nresetconnection;\nSELECT @mine IS NULL;
      INSERT INTO messages VALUES (13, 1, 'changed');\n`;
    const [forgotten] = rowsIn(await this.#said(sql));
    return { changed: true, forgotten: forgotten?.[0] === '1' };
  }

  /** At a terminal it would connect anew by itself. */
  async #reconnect() {
    const killed = await this.#run([`--execute=KILL CONNECTION_ID(); SELECT 'still here'`], {
      args: ['--force'],
    });
    const [again] = await this.#rows("INSERT INTO messages VALUES (14, 1, 'again'); SELECT ROW_COUNT()");
    const lost = /^ERROR (1317|1927|2006|2013) /m.test(killed.stderr) && killed.stdout === '';
    return { lost, again: Number(again?.[0]) };
  }

  async #compression() {
    const option = { mariadb: ['--compress'], mysql: ['--compression-algorithms=zstd,zlib,uncompressed'] };
    const sql = `INSERT INTO messages VALUES (12, 1, REPEAT('compressed ', 10));
      SELECT title FROM messages WHERE folderid = 12`;
    return { rows: await this.#rows(sql, { args: option[this.#program] }) };
  }

  async #underTls(login: Partial<SessionSettings>, folder: number) {
    const ca = `--ssl-ca=${this.#settings.ca}`;
    const args = { mariadb: [ca, '--ssl-verify-server-cert'], mysql: [ca, '--ssl-mode=VERIFY_IDENTITY'] };
    const sql = `INSERT INTO messages VALUES (${folder}, 1, 'under TLS');
      SELECT title FROM messages WHERE folderid = ${folder}; SHOW SESSION STATUS LIKE 'Ssl_cipher'`;
    const [row, cipher] = await this.#rows(sql, { login, args: args[this.#program], tls: true });
    return { rows: [row], encrypted: cipher?.[1] !== undefined && cipher[1] !== '' };
  }

  async #rows(sql: string, run: Run = {}): Promise<string[][]> {
    return rowsIn(await this.#said(sql, run));
  }

  /** What it prints; throws where it fails. */
  async #said(sql: string | Buffer, run: Run = {}): Promise<string> {
    const done = await this.#run([], run, sql);
    if (done.code !== 0) throw new Error(`${done.stderr.trim()} (exit code ${done.code})`);
    return done.stdout;
  }

  async #fails(sql: string, run: Run = {}): Promise<unknown> {
    const done = await this.#run([`--execute=${sql}`], run);
    if (done.code !== 1) throw new Error(`${sql}: exit code ${done.code}`);
    return errorIn(done);
  }

  #run(args: readonly string[], run: Run = {}, input?: string | Buffer): Promise<CliResult> {
    const login = { ...this.#settings, ...run.login };
    const all = [
      ...['--host=127.0.0.1', '--protocol=TCP', `--port=${login.port}`, `--user=${login.user}`],
      ...[`--password=${login.password}`, '--batch', '--skip-column-names'],
      ...['--default-character-set=utf8mb4', ...(run.args ?? []), ...args],
      ...(args[0] === '--version' ? [] : [login.database]),
    ];
    const options = input === undefined ? {} : { input };
    if (this.#program === 'mariadb') {
      // Unless told that there is no TLS, it takes a server of caching_sha2_password for one that has.
      const plain = run.tls === true ? ['--ssl'] : ['--skip-ssl'];
      return runCommand('mariadb', ['--no-defaults', ...plain, ...all], options);
    }
    // Without TLS its password needs the server's key; and only when told to it obeys its own commands.
    const plain = run.tls === true ? [] : ['--ssl-mode=DISABLED', '--get-server-public-key'];
    return runMysqlClient([...plain, '--commands', ...all], options);
  }
}

function errorIn(done: CliResult): unknown {
  const warning = /^.*Using a password on the command line.*\n/m;
  const text = done.stderr.replace(warning, '').trim();
  const [, errno, state, message] = /ERROR (\d+) \((\w+)\)(?: at line \d+)?: (.*)/s.exec(text) ?? [];
  return errno === undefined ? [text] : [Number(errno), state, message];
}

function rowsIn(stdout: string): string[][] {
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => line.split('\t'));
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
const numeric = (text: string): unknown => (/^\d+$/.test(text) ? Number(text) : text);
