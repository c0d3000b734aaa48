/**
 * Two clients that ask the same, one through the proxy and one beside it: whatever goes on at the proxy, each
 * reply is the same, byte for byte.
 */
import { connectRaw, type RawConnection, type RawOptions, type RawReply } from '../harness/recorder.ts';
import { waitFor } from '../harness/wait.ts';

/** A reply that does not come for so long is a fault; a machine that is flooded may take its time. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Statements of one session, unless it is to last; then it logs in anew. */
const SESSION_STATEMENTS = 60;

type Ask = (connection: RawConnection, number: number) => Promise<RawReply>;

/** Rows, an error, session state and a result of some size: nothing that another session, or a server's bound, changes. */
const QUESTIONS: readonly Ask[] = [
  (connection, number) => connection.query(`SELECT ${number} AS number, REPEAT('w', ${number % 300})`),
  (connection, number) =>
    connection.query(
      `SELECT seq, NULLIF(REPEAT('r', seq % 90), '') FROM seq_1_to_150 WHERE seq > ${number % 100}`,
    ),
  (connection, number) => connection.query(`SELECT * FROM missing_${number % 5}`),
  (connection, number) => connection.query(`SET @number = ${number}`),
  (connection) => connection.query('SELECT @number'),
  (connection, number) => connection.query(`SELECT REPEAT('l', ${20_000 + (number % 500)})`),
];

export class ByteWitness {
  statements = 0;
  sessions = 0;
  readonly #proxied: RawOptions;
  readonly #direct: RawOptions;
  readonly #sessionStatements: number;
  readonly #ended: Promise<string | null>;
  #wanted: 'on' | 'over' = 'on';

  /** Begins at once. `lasting`: by one session, where logins are given less time than a busy machine may take. */
  constructor(options: {
    readonly proxied: RawOptions;
    readonly direct: RawOptions;
    readonly lasting?: true;
  }) {
    this.#sessionStatements = options.lasting === true ? Infinity : SESSION_STATEMENTS;
    this.#proxied = { ...options.proxied, timeoutMs: ANSWER_TIMEOUT_MS };
    this.#direct = { ...options.direct, timeoutMs: ANSWER_TIMEOUT_MS };
    this.#ended = this.#run();
  }

  /** Waits until `more` further statements were answered. Throws with what went wrong. */
  async goesOn(more = 20): Promise<void> {
    const goal = this.statements + more;
    const ended = this.#ended.then((fault) => {
      throw new Error(fault ?? 'the witness has ended');
    });
    const what = 'the witness to go on';
    await Promise.race([
      waitFor(() => this.statements >= goal, { timeoutMs: ANSWER_TIMEOUT_MS, what }),
      ended,
    ]);
  }

  /** Ends it: what went wrong, or null. */
  stop(): Promise<string | null> {
    this.#wanted = 'over';
    return this.#ended;
  }

  async #run(): Promise<string | null> {
    try {
      while (this.#wanted === 'on') await this.#session();
      return null;
    } catch (error) {
      return `after ${this.statements} statements: ${String(error)}`;
    }
  }

  async #session(): Promise<void> {
    const [proxied, direct] = [await connectRaw(this.#proxied), await connectRaw(this.#direct)];
    for (let left = this.#sessionStatements; left > 0 && this.#wanted === 'on'; left -= 1) {
      const number = this.statements;
      const ask = QUESTIONS[number % QUESTIONS.length]!;
      const [seen, expected] = await Promise.all([ask(proxied, number), ask(direct, number)]);
      if (!seen.bytes.equals(expected.bytes))
        throw new Error(
          `statement ${number} was answered otherwise: ${excerpt(seen)} for ${excerpt(expected)}`,
        );
      this.statements += 1;
    }
    proxied.close();
    direct.close();
    this.sessions += 1;
  }
}

function excerpt({ bytes }: RawReply): string {
  return `${bytes.length} bytes ${bytes.subarray(0, 40).toString('hex')}`;
}
