/**
 * What a client has left behind that the old server is still at: a write that waits for a lock, say. What becomes of
 * it is known once the server has answered, or has closed the connection; until then it counts as under way.
 */
import type { ByteStream } from './byte-stream.ts';
import type { RelayPhase } from './relay-phase.ts';

/** Past it nobody can tell any more, as where a connection breaks. Longer than servers let a row's lock be waited for. */
const WAIT_MS = 600_000;

export class Orphan {
  readonly relay: RelayPhase;
  readonly #timer: NodeJS.Timeout;

  /** Null: nothing of that kind is under way. `overdue` is called when the time is up. */
  static of(relay: RelayPhase, server: ByteStream, overdue: () => void): Orphan | null {
    return relay.awaitsChange ? new Orphan(relay, server, overdue) : null;
  }

  private constructor(relay: RelayPhase, server: ByteStream, overdue: () => void) {
    this.relay = relay;
    this.#timer = setTimeout(overdue, WAIT_MS);
    // It goes on to its end, and finds nobody behind it.
    server.end();
    server.resume();
  }

  /** Takes what the server sends. False: it is over, or can't be followed. */
  fromServer(chunk: Buffer): boolean {
    return this.relay.fromServer(chunk) === 'in_step' && this.relay.awaitsChange;
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
