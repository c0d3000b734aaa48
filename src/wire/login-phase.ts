/** The login of one session: whole packets in, whole packets on, and what they led to. */
import { Login, type LoginStep, type LoginTls } from './login.ts';
import { PacketAssembler } from './packet-assembler.ts';

/** Authentication tickets may take tens of kilobytes, connection attributes up to 64. */
export const LOGIN_PAYLOAD_MAX = 1 << 20;

const GO_ON: LoginStep = { step: 'go_on' };

export type Side = 'client' | 'server';

/** Steps whose packet goes on to the other side. */
const FORWARDED: ReadonlySet<LoginStep['step']> = new Set(['go_on', 'done', 'refused', 'unreadable']);

export class LoginPhase {
  readonly #login: Login;
  readonly #client = new PacketAssembler(LOGIN_PAYLOAD_MAX);
  readonly #server = new PacketAssembler(LOGIN_PAYLOAD_MAX);
  /** The packet that waits for the server's TLS; behind it nothing of the client is looked at. */
  #held: Buffer | null = null;

  constructor(tls?: LoginTls) {
    this.#login = new Login(tls);
  }

  get errorSequence(): number {
    return this.#login.errorSequence;
  }

  get clientSpeaks41(): boolean {
    return this.#login.clientSpeaks41;
  }

  /** See `Login.deny`. */
  deny(): void {
    this.#login.deny();
  }

  /** Takes bytes of one side; every packet that is in order is given to `forward`. */
  push(side: Side, chunk: Buffer, forward: (bytes: Buffer) => void): LoginStep {
    const assembler = side === 'client' ? this.#client : this.#server;
    assembler.push(chunk);
    if (side === 'client' && this.#held !== null) {
      assembler.keep();
      return assembler.length > LOGIN_PAYLOAD_MAX ? tooLong(side) : GO_ON;
    }
    return this.#follow(side, forward);
  }

  /** TLS is there towards the server: what was held back goes on. */
  serverSecured(forward: (bytes: Buffer) => void): LoginStep {
    const held = this.#held;
    this.#held = null;
    if (held !== null) forward(held);
    return this.#follow('client', forward);
  }

  /** Bytes that came behind the login's last packet, or behind the client's request for TLS. */
  rest(side: Side): Buffer {
    return (side === 'client' ? this.#client : this.#server).rest();
  }

  #follow(side: Side, forward: (bytes: Buffer) => void): LoginStep {
    const assembler = side === 'client' ? this.#client : this.#server;
    for (;;) {
      const packet = assembler.next();
      if (packet === null) return GO_ON;
      if (packet === 'too_long') return tooLong(side);
      const step = side === 'client' ? this.#login.fromClient(packet) : this.#login.fromServer(packet);
      if (FORWARDED.has(step.step)) forward(packet.bytes);
      if (step.step === 'server_tls') {
        // Whoever put bytes here before TLS began would have them taken for the server's own.
        if (this.#server.length > 0)
          return { step: 'broken', reason: 'the server sent more than its greeting' };
        this.#held = Buffer.from(packet.bytes);
        assembler.keep();
      }
      if (step.step !== 'go_on') return step;
    }
  }
}

function tooLong(side: Side): LoginStep {
  return { step: 'broken', reason: `a packet of the ${side} is too long for a login` };
}
