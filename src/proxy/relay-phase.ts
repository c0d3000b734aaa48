/** The commands of one session: both readers, in step with each other, and the tap that hears of them. */
import type { Statement } from '../mirror/statement.ts';
import type { SessionTap } from '../mirror/tap.ts';
import { type ClientData, CommandReader } from '../wire/command-reader.ts';
import type { Exchange } from '../wire/exchange.ts';
import type { Agreement } from '../wire/login.ts';
import { COM, STATUS } from '../wire/protocol.ts';
import { ReplyReader } from '../wire/reply-reader.ts';

/** With so many commands sent ahead of their replies no more is read from the client until some are answered. */
const PIPELINE_MAX = 4096;

/**
 * `recorded_first`: in step, and not to be sent before what taps have to record is on record. `lost`: a reader no
 * longer knows where it stands. `stream`: the server sends the binlog that the client asked for,
 * and what follows is no longer commands and replies.
 */
export type RelayStep = 'in_step' | 'recorded_first' | 'lost' | 'stream';

export class RelayPhase {
  readonly #commands: CommandReader<Statement>;
  readonly #replies: ReplyReader<Statement>;
  readonly #tap: SessionTap;
  readonly #now: () => number;
  #status: number;
  #streams = false;
  #quit = false;
  /** The clock, read once a chunk. */
  #chunkAtMs = 0;

  constructor(agreement: Agreement, tap: SessionTap, keepBytes: number, now: () => number) {
    this.#tap = tap;
    this.#now = now;
    this.#status = agreement.status;
    this.#commands = new CommandReader(keepBytes);
    this.#replies = new ReplyReader(agreement.capabilities, {
      reply: (exchange) => this.#replied(exchange),
      clientData: (kind) => {
        // The file's end comes from the client, which may be later than the server's answer to it.
        if (kind !== 'none' || this.#commands.clientData === 'authentication')
          this.#commands.clientData = kind;
      },
      unsolicited: () => {},
      streaming: () => {
        this.#streams = true;
      },
    });
  }

  get busy(): boolean {
    return this.#replies.pending > 0 || !this.#commands.atRest;
  }

  /** The client has taken its leave (COM_QUIT), and every command before it was answered. */
  get over(): boolean {
    return this.#quit && !this.busy;
  }

  get inTransaction(): boolean {
    return (this.#status & STATUS.IN_TRANS) !== 0;
  }

  /** What the client's next packets are besides commands. */
  get clientData(): ClientData {
    return this.#commands.clientData;
  }

  get pipelineFull(): boolean {
    return this.#replies.pending >= PIPELINE_MAX;
  }

  /** Before the bytes are sent to the server. Never throws: a reader that fails has lost its step. */
  fromClient(chunk: Buffer): RelayStep {
    this.#chunkAtMs = this.#now();
    try {
      const inStep = this.#commands.feed(chunk, this.#onCommand);
      const owes = this.#tap.ready();
      if (!inStep) return 'lost';
      return owes ? 'recorded_first' : 'in_step';
    } catch {
      return 'lost';
    }
  }

  /** After the bytes were sent to the client. Never throws. */
  fromServer(chunk: Buffer): RelayStep {
    this.#chunkAtMs = this.#now();
    try {
      const inStep = this.#replies.feed(chunk);
      if (this.#streams) return 'stream';
      return inStep ? 'in_step' : 'lost';
    } catch {
      return 'lost';
    }
  }

  /** Something is not answered yet that may change rows, or the session. */
  get awaitsChange(): boolean {
    return this.#replies.pending > 0 && this.unanswered().some(mayChange);
  }

  unanswered(): readonly Exchange<Statement>[] {
    return this.#replies.waiting();
  }

  readonly #onCommand = (exchange: Exchange<Statement>): void => {
    exchange.sentAtMs = this.#chunkAtMs;
    this.#tap.command(exchange);
    this.#replies.expect(exchange);
    if (exchange.type === COM.QUIT) this.#quit = true;
  };

  #replied(exchange: Exchange<Statement>): void {
    exchange.answeredAtMs = this.#chunkAtMs;
    // An ERR packet carries no status flags, and commands without a reply no packet at all.
    if (exchange.ok && exchange.status !== 0) this.#status = exchange.status;
    this.#tap.reply(exchange);
  }
}

function mayChange({ type, note }: Exchange<Statement>): boolean {
  if (type === COM.STMT_PREPARE) return false;
  for (let statement = note; statement !== null; statement = statement.next) {
    if (statement.kind !== 'read' || statement.plan?.hazards.has('unknown_function') !== false) return true;
  }
  return false;
}
