/**
 * Sessions that would never end by themselves: one side takes nothing more, so the other is not read, and a
 * connection that is not read does not tell of its end. A round asks for it now and then instead.
 */
import type { ByteStream } from './byte-stream.ts';

export interface Ends {
  readonly client: Pick<ByteStream, 'unsentBytes' | 'isDropped'>;
  readonly server: Pick<ByteStream, 'unsentBytes' | 'isDropped'>;
  /** The client is not read, as the server has not taken or answered what came before. */
  readonly clientHeld: boolean;
}

/** What waited for either side; null: nothing did. */
interface Waiting {
  readonly client: number | null;
  readonly server: number | null;
}

export class DesertedSessions<Session extends { readonly ends: Ends }> {
  /** Of the last round, those for which something waited. */
  #before = new Map<Session, Waiting>();

  /** Those of `sessions` where one side has taken nothing since the last round, and who sends to it is gone. */
  round(sessions: Iterable<Session>): Session[] {
    const waiting = new Map<Session, Waiting>();
    const deserted: Session[] = [];
    for (const session of sessions) {
      const { client, server, clientHeld } = session.ends;
      const unsent = client.unsentBytes;
      if (unsent === 0 && !clientHeld) continue;
      const now: Waiting = {
        client: unsent === 0 ? null : unsent,
        server: clientHeld ? server.unsentBytes : null,
      };
      waiting.set(session, now);
      const before = this.#before.get(session);
      if (before === undefined) continue;
      const gone =
        (isStuck(before.server, now.server) && client.isDropped()) ||
        (isStuck(before.client, now.client) && server.isDropped());
      if (gone) deserted.push(session);
    }
    this.#before = waiting;
    return deserted;
  }
}

function isStuck(before: number | null, now: number | null): boolean {
  return before !== null && now !== null && now >= before;
}
