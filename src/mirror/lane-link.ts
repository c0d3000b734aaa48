/** The wire of one lane: commands out, pipelined, and each one's reply back to whoever sent it. */
import type { Socket } from 'node:net';
import { DirectIo } from '../base/direct-io.ts';
import { Exchange, type RowSink } from '../wire/exchange.ts';
import { OutgoingPackets } from '../wire/outgoing-packets.ts';
import { COM } from '../wire/protocol.ts';
import { replyKind } from '../wire/reply-kind.ts';
import { ReplyReader } from '../wire/reply-reader.ts';

/** Is called once: with the reply, or with null when the link broke before it came. */
export type ReplyCallback = (exchange: Exchange<ReplyCallback> | null) => void;

export type LinkEnd = 'lost' | 'timed_out' | 'closed';

/** Neither DEPRECATE_EOF nor optional metadata were agreed on at the lane's login. */
const LANE_CAPABILITIES = { base: 0, mariadb: 0 };

/** The longest for which answers are left unread, on a process that is not busy with something else. */
const REST_MS = 5;

/** Nobody asks for a command's payload once it was sent. */
const NOT_KEPT = Buffer.alloc(0);

export class LaneLink {
  readonly connectionId: number;
  readonly #socket: Socket;
  /** Null: the socket is encrypted, or must go by Node's streams. */
  readonly #direct: DirectIo | null;
  readonly #outgoing = new OutgoingPackets();
  readonly #replies: ReplyReader<ReplyCallback>;
  readonly #now: () => number;
  readonly #onEnd: (end: LinkEnd, reason: string) => void;
  #ended = false;
  #batching = false;
  /** When the first command of this turn came: the clock is read once for all of them, which go out together. */
  #batchAtMs = 0;
  /** The same for the answers that came in one chunk. */
  #chunkAtMs = 0;
  #reading: 'now' | 'later' = 'now';
  /** Answers were left where they are for a while, and none was read since. */
  #rested = false;
  /** What each answer of a chunk took, where they were left to come together; 0: the first took all the time. */
  #shareMs = 0;
  /** When the server could begin with the oldest command that is not answered. */
  #headSinceMs = 0;

  constructor(
    socket: Socket,
    connectionId: number,
    now: () => number,
    onEnd: (end: LinkEnd, reason: string) => void,
  ) {
    this.#socket = socket;
    this.connectionId = connectionId;
    this.#now = now;
    this.#onEnd = onEnd;
    this.#replies = new ReplyReader(LANE_CAPABILITIES, {
      reply: (exchange) => this.#replied(exchange),
      clientData: (kind) => {
        if (kind !== 'none') this.end('lost', 'the shadow asked for data');
      },
      unsolicited: (errno) => this.end('lost', `the shadow ended the connection with error ${errno}`),
      streaming: () => {},
    });
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('error', (error) => this.end('lost', error.message));
    socket.on('close', () => this.end('lost', 'the shadow closed the connection'));
    this.#direct = DirectIo.takeOver(socket, { data: (chunk) => this.#data(chunk), drained: () => {} });
  }

  /** Commands without a reply yet. */
  get pending(): number {
    return this.#replies.pending;
  }

  /** Milliseconds for which the oldest command has gone unanswered; 0: there is none. */
  waitingMs(): number {
    return this.pending === 0 ? 0 : this.#now() - this.#headSinceMs;
  }

  /** Commands wait for the end of this turn of the event loop: another one would go out in the same write. */
  get batching(): boolean {
    return this.#batching;
  }

  /** Sends a statement's text. */
  query(sql: Buffer, callback: ReplyCallback, rowSink: RowSink | null = null): void {
    this.#send(COM.QUERY, sql, 0, callback, rowSink);
  }

  /** Sends a command; its payload begins with the command byte. */
  send(payload: Buffer, callback: ReplyCallback, rowSink: RowSink | null = null): void {
    this.#send(payload[0]!, payload, 1, callback, rowSink);
  }

  /** Sends a command that has no reply. */
  sendOnly(payload: Buffer): void {
    if (this.#ended || replyKind(payload[0]!) !== 'none') return;
    this.#write(payload[0]!, payload, 1);
  }

  /** `later`: answers, and the connection's end, are left unread until `now`. An encrypted link reads on. */
  read(when: 'now' | 'later'): void {
    if (this.#direct === null || this.#reading === when) return;
    this.#reading = when;
    if (when === 'now') this.#direct.resume();
    else {
      this.#direct.pause();
      this.#rested = true;
    }
  }

  /** Answers are left unread. */
  get resting(): boolean {
    return this.#reading === 'later';
  }

  /** Ends the link; every command that waits is told so. */
  end(end: LinkEnd, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    // The owner first: whoever is told below must not find this link among those that can be used.
    this.#onEnd(end, reason);
    for (const exchange of this.#replies.waiting()) exchange.note?.(null);
  }

  /** The command's body stands in `body` from `from` on. */
  #send(command: number, body: Buffer, from: number, callback: ReplyCallback, rowSink: RowSink | null): void {
    if (this.#ended) {
      callback(null);
      return;
    }
    const exchange = new Exchange<ReplyCallback>(command, NOT_KEPT, 1 + body.length - from);
    exchange.note = callback;
    exchange.rowSink = rowSink;
    this.#write(command, body, from);
    exchange.sentAtMs = this.#batchAtMs;
    if (this.pending === 0) this.#headSinceMs = exchange.sentAtMs;
    this.#replies.expect(exchange);
  }

  /** What the sessions of one turn have for the shadow goes out in one system call, not in one each. */
  #write(command: number, body: Buffer, from: number): void {
    this.#outgoing.add(command, body, from);
    if (this.#batching) return;
    this.#batching = true;
    this.#batchAtMs = this.#now();
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#batching = false;
    const bytes = this.#outgoing.take();
    if (this.#ended) return;
    if (this.#direct !== null) this.#direct.write(bytes);
    else this.#socket.write(Buffer.from(bytes));
  };

  #data(chunk: Buffer): void {
    if (this.#ended) return;
    this.#chunkAtMs = this.#now();
    this.#shareMs = this.#rested ? this.#evenShareMs() : 0;
    this.#rested = false;
    if (!this.#replies.feed(chunk)) this.end('lost', 'the shadow sent what is no reply');
  }

  /** Which of the answers took how long nobody saw, unless it was longer than they were left alone. */
  #evenShareMs(): number {
    const ms = this.#chunkAtMs - this.#headSinceMs;
    return ms > REST_MS ? 0 : ms / this.pending;
  }

  #replied(exchange: Exchange<ReplyCallback>): void {
    if (this.#ended) return;
    // The server begins with a pipelined command when it is done with the one before.
    if (exchange.sentAtMs < this.#headSinceMs) exchange.sentAtMs = this.#headSinceMs;
    exchange.answeredAtMs =
      this.#shareMs === 0 ? this.#chunkAtMs : Math.min(exchange.sentAtMs + this.#shareMs, this.#chunkAtMs);
    this.#headSinceMs = exchange.answeredAtMs;
    exchange.note?.(exchange);
  }
}
