/** The login of one session: whole packets in, whole packets on, and what they led to. */
import { Login, type LoginStep } from '../wire/login.ts';
import { PacketAssembler } from '../wire/packet-assembler.ts';

/** Authentication tickets may take tens of kilobytes, connection attributes up to 64. */
const LOGIN_PAYLOAD_MAX = 1 << 20;

const GO_ON: LoginStep = { step: 'go_on' };

export class LoginPhase {
  readonly #login = new Login();
  readonly #client = new PacketAssembler(LOGIN_PAYLOAD_MAX);
  readonly #server = new PacketAssembler(LOGIN_PAYLOAD_MAX);

  get errorSequence(): number {
    return this.#login.errorSequence;
  }

  get clientSpeaks41(): boolean {
    return this.#login.clientSpeaks41;
  }

  /** Takes bytes of one side; every packet that is in order is given to `forward`. */
  push(side: 'client' | 'server', chunk: Buffer, forward: (bytes: Buffer) => void): LoginStep {
    const assembler = side === 'client' ? this.#client : this.#server;
    assembler.push(chunk);
    for (;;) {
      const packet = assembler.next();
      if (packet === null) return GO_ON;
      if (packet === 'too_long')
        return { step: 'broken', reason: `a packet of the ${side} is too long for a login` };
      const step = side === 'client' ? this.#login.fromClient(packet) : this.#login.fromServer(packet);
      if (step.step === 'broken') return step;
      forward(packet.bytes);
      if (step.step !== 'go_on') return step;
    }
  }

  /** Bytes that came behind the login's last packet. */
  rest(): { client: Buffer; server: Buffer } {
    return { client: this.#client.rest(), server: this.#server.rest() };
  }
}
