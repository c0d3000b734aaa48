/** Plays the client's side of a login, whatever it is, and tells how it ended. */
import { connect as dial, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { packets } from '../harness/packet-writer.ts';
import { type ClientScript, tlsRequest } from './login-scripts.ts';

const HEADER = 4;
const ERR = 0xff;
const OK = 0x00;
const QUIT = packets(Buffer.of(1), 0);

export interface LoginPlace {
  readonly port: number;
  /** The client's own address. */
  readonly from: string;
  /** A client that stays is given up after so long. */
  readonly patienceMs: number;
  /** From the client's end to the close that must follow. */
  readonly closeTimeoutMs: number;
}

/** `told`: by an error, its number and text; `let_in`: by an OK; `silent`: it was sent away without a word. */
export type LoginEnd =
  | { readonly how: 'told'; readonly errno: number; readonly message: string }
  | { readonly how: 'let_in' | 'left' | 'silent' | 'stuck' };

/** Never rejects. */
export function playLogin(place: LoginPlace, script: ClientScript): Promise<LoginEnd> {
  return new Promise((resolve) => new LoginPlayer(place, script, resolve));
}

class LoginPlayer {
  readonly #place: LoginPlace;
  readonly #script: ClientScript;
  readonly #done: (end: LoginEnd) => void;
  readonly #tcp: Socket;
  #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #more: Buffer[];
  /** `greeting`: it has not come yet; `over`: nothing that comes is of interest. */
  #step: 'greeting' | 'login' | 'over' = 'greeting';
  #end: LoginEnd = { how: 'silent' };
  #timer: NodeJS.Timeout;

  constructor(place: LoginPlace, script: ClientScript, done: (end: LoginEnd) => void) {
    this.#place = place;
    this.#script = script;
    this.#done = done;
    this.#more = [...script.more];
    const { port, from } = place;
    this.#tcp = dial({ host: '127.0.0.1', port, localAddress: from, noDelay: true });
    this.#socket = this.#tcp;
    this.#listen(this.#tcp);
    this.#tcp.on('close', () => this.#closed());
    if (script.header !== null) this.#tcp.write(script.header);
    if (script.manner === 'early') this.#tcp.write(script.answer);
    this.#timer = setTimeout(() => this.#leave(), place.patienceMs);
  }

  #listen(socket: Socket): void {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
  }

  #data(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    while (this.#step !== 'over' && this.#held.length >= HEADER) {
      const end = HEADER + this.#held.readUIntLE(0, 3);
      if (this.#held.length < end) return;
      const [sequence, payload] = [this.#held[3]!, this.#held.subarray(HEADER, end)];
      this.#held = this.#held.subarray(end);
      this.#packet(payload, sequence);
    }
  }

  #packet(payload: Buffer, sequence: number): void {
    if (payload[0] === ERR && payload.length >= 3) {
      this.#over({ how: 'told', errno: payload.readUInt16LE(1), message: payload.toString('latin1', 3) });
    } else if (this.#step === 'greeting') {
      this.#step = 'login';
      this.#answer();
    } else if (payload[0] === OK) {
      this.#over({ how: 'let_in' });
      this.#socket.write(QUIT);
      this.#leave();
    } else {
      const next = this.#more.shift();
      if (next !== undefined) this.#socket.write(packets(next, (sequence + 1) & 0xff));
    }
  }

  #answer(): void {
    const { request, answer, ending } = this.#script;
    if (request === 'none') this.#socket.write(answer);
    else if (request === 'junk') this.#socket.write(tlsRequest(answer));
    else this.#beginTls(answer);
    if (ending === 'stays') return;
    // What was sent has to arrive before it goes.
    this.#socket.write(Buffer.alloc(0), () => this.#leave());
  }

  #beginTls(answer: Buffer): void {
    this.#tcp.write(tlsRequest());
    this.#tcp.removeAllListeners('data');
    this.#socket = connectTls({ socket: this.#tcp, rejectUnauthorized: false }, () => {
      this.#socket.write(answer);
    });
    this.#listen(this.#socket);
  }

  #over(end: LoginEnd): void {
    this.#step = 'over';
    this.#end = end;
  }

  /** Goes, and waits only for the close. */
  #leave(): void {
    if (this.#tcp.destroyed) return;
    clearTimeout(this.#timer);
    if (this.#end.how === 'silent') this.#end = { how: 'left' };
    if (this.#script.ending === 'resets') this.#tcp.resetAndDestroy();
    else this.#socket.end();
    this.#timer = setTimeout(() => {
      this.#end = { how: 'stuck' };
      this.#tcp.destroy();
    }, this.#place.closeTimeoutMs);
  }

  #closed(): void {
    clearTimeout(this.#timer);
    this.#done(this.#end);
  }
}
