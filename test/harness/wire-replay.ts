/** Recorded or made bytes fed through the readers of src/wire, as a session of the proxy feeds them. */
import { CAPABILITY, type Capabilities } from '../../src/wire/capabilities.ts';
import { CommandReader } from '../../src/wire/command-reader.ts';
import type { Exchange, ResultSummary } from '../../src/wire/exchange.ts';
import { Login, type LoginStep } from '../../src/wire/login.ts';
import { PacketAssembler } from '../../src/wire/packet-assembler.ts';
import { ReplyReader } from '../../src/wire/reply-reader.ts';
import type { Random } from './random.ts';
import type { ExpectedExchange, ExpectedResult, Run, Side } from './wire-session.ts';

const KEEP_BYTES = 1 << 20;
const LOGIN_PAYLOAD_MAX = 1 << 20;

/** The readers of one session behind its login, in step with each other. */
export class Conversation {
  /** Complete replies, in the order of their ends. */
  readonly answered: Exchange<never>[] = [];
  readonly unsolicited: number[] = [];
  /** Every command, in the order of its last byte. */
  readonly commands: Exchange<never>[] = [];
  /** The side whose reader lost its step; nothing is fed afterwards. */
  lost: Side | null = null;
  readonly reader: CommandReader<never>;
  readonly replies: ReplyReader<never>;

  constructor(capabilities: Capabilities, keepBytes = KEEP_BYTES) {
    this.reader = new CommandReader(keepBytes);
    this.replies = new ReplyReader(capabilities, {
      reply: (exchange) => {
        if (this.lost !== null) throw new Error('a reply after the step was lost');
        this.answered.push(exchange);
      },
      clientData: (kind) => {
        if (kind !== 'none' || this.reader.clientData === 'authentication') this.reader.clientData = kind;
      },
      unsolicited: (errno) => this.unsolicited.push(errno),
      streaming: () => {},
    });
  }

  /** What is fed is overwritten afterwards, as a socket's buffer is: nothing may hold on to it. */
  feed(run: Run): void {
    if (this.lost !== null) return;
    const bytes = Buffer.from(run.bytes);
    const inStep =
      run.from === 'server'
        ? this.replies.feed(bytes)
        : this.reader.feed(bytes, (exchange) => {
            exchange.keep();
            this.commands.push(exchange);
            this.replies.expect(exchange);
          });
    bytes.fill(0xa5);
    if (!inStep) this.lost = run.from;
  }

  feedAll(runs: Iterable<Run>): this {
    for (const run of runs) this.feed(run);
    return this;
  }

  get atRest(): boolean {
    return this.lost === null && this.replies.pending === 0 && this.reader.atRest;
  }
}

/** The login of one session, and the conversation that it leads to. */
export class ReplayedSession {
  step: LoginStep = { step: 'go_on' };
  conversation: Conversation | null = null;
  readonly #login = new Login();
  readonly #assemblers = {
    client: new PacketAssembler(LOGIN_PAYLOAD_MAX),
    server: new PacketAssembler(LOGIN_PAYLOAD_MAX),
  };

  /** The readers may change what they are given (a greeting's bits): they get a copy. */
  feed(run: Run): void {
    const bytes = Buffer.from(run.bytes);
    if (this.conversation !== null) {
      this.conversation.feed({ from: run.from, bytes });
      return;
    }
    if (this.step.step !== 'go_on') return;
    this.#assemblers[run.from].push(bytes);
    this.#readLogin(run.from);
    bytes.fill(0xa5);
  }

  #readLogin(side: Side): void {
    while (this.step.step === 'go_on') {
      const packet = this.#assemblers[side].next();
      if (packet === null) return;
      if (packet === 'too_long') throw new Error('a packet is too long for a login');
      this.step = side === 'client' ? this.#login.fromClient(packet) : this.#login.fromServer(packet);
    }
    if (this.step.step !== 'done') return;
    this.conversation = new Conversation(this.step.agreement.capabilities);
    for (const from of ['server', 'client'] as const) {
      const bytes = this.#assemblers[from].rest();
      if (bytes.length > 0) this.conversation.feed({ from, bytes });
    }
  }
}

/** What is expected of an exchange, taken from one. */
export function summaryOf(exchange: Exchange<never>): ExpectedExchange {
  const results = exchange.results === 0 ? [] : [...(exchange.earlier ?? []), exchange].map(resultOf);
  const statement =
    exchange.type === 0x16 && exchange.ok
      ? { id: exchange.statementId, parameters: exchange.parameterCount }
      : null;
  return { type: exchange.type, results, statement, localInfile: exchange.localInfile };
}

function resultOf(result: ResultSummary): ExpectedResult {
  const { ok, errno, rows, resultSet } = result;
  // What no packet said of a failed result is not compared.
  if (!ok) return { ok, errno, affectedRows: 0, insertId: 0, status: 0, warnings: 0, rows, resultSet };
  const { status, warnings } = result;
  const affectedRows = Number(result.affectedRows);
  return { ok, errno, affectedRows, insertId: Number(result.insertId), status, warnings, rows, resultSet };
}

/** The bits of the fixtures: MariaDB's own from bit 32 on. */
export function capabilitiesOf(bits: bigint): Capabilities {
  return { base: Number(bits & 0xffff_ffffn), mariadb: Number(bits >> 32n) };
}

export const NO_CAPABILITIES: Capabilities = { base: CAPABILITY.PROTOCOL_41, mariadb: 0 };

/** One run in two, cut before byte `at`. */
export function cutAt(run: Run, at: number): Run[] {
  const { from, bytes } = run;
  return [
    { from, bytes: bytes.subarray(0, at) },
    { from, bytes: bytes.subarray(at) },
  ];
}

/** Every run in pieces of 1 to `pieceMax` bytes. */
export function cutAtRandom(runs: readonly Run[], random: Random, pieceMax: number): Run[] {
  const pieces: Run[] = [];
  for (const { from, bytes } of runs) {
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + random.integer(1, pieceMax));
      pieces.push({ from, bytes: bytes.subarray(at, end) });
      at = end;
    }
  }
  return pieces;
}
