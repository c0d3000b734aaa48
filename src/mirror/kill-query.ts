/** Ends on the server what a lane gave up on, so that a slow shadow is not buried under abandoned work. */
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { commandPayload } from '../wire/packets.ts';
import { COM } from '../wire/protocol.ts';
import { LaneLink } from './lane-link.ts';
import type { LaneTarget } from './lane-login.ts';
import { logIn } from './lane-login.ts';

/** Kills asked for at the same time; past them the server's own limits must do. */
const KILLS_MAX = 8;

export class QueryKiller {
  readonly #target: LaneTarget;
  readonly #log: Log;
  readonly #now: () => number;
  #running = 0;

  constructor(target: LaneTarget, log: Log, now: () => number) {
    this.#target = target;
    this.#log = log;
    this.#now = now;
  }

  /** Asks the server to end connection `connectionId`. Never rejects: a dead server has nothing to end. */
  async kill(connectionId: number): Promise<void> {
    if (this.#running >= KILLS_MAX) return;
    this.#running++;
    try {
      const { socket, connectionId: own } = await logIn(this.#target);
      const link = new LaneLink(socket, own, this.#now, () => {});
      const timer = setTimeout(() => link.end('timed_out', 'KILL'), this.#target.connectTimeoutMs);
      await new Promise<void>((resolve) => {
        link.send(commandPayload(COM.QUERY, `KILL ${connectionId}`), () => resolve());
      });
      clearTimeout(timer);
      link.end('closed', 'done');
    } catch (error) {
      this.#log.debug(
        { connectionId, reason: messageOf(error) },
        'a timed-out replay could not be ended on the shadow',
      );
    } finally {
      this.#running--;
    }
  }
}
