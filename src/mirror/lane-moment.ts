/** A statement's moment on the primary, as it is set on a lane right before its replay. */
import { commandPayload } from '../wire/packets.ts';
import { COM } from '../wire/protocol.ts';

export interface Moment {
  /** Seconds since 1970, for NOW() and its like; `own`: the lane's own clock; null: it makes no difference. */
  readonly timestamp: number | 'own' | null;
  /** The first number that AUTO_INCREMENT gave out; 0: none. */
  readonly insertId: number | bigint;
  /** Values of the session that the statement reads, as assignments of a SET in latin1. */
  readonly settings: readonly string[];
}

/** A statement that takes nothing from its moment. */
export const ANY_MOMENT: Moment = { timestamp: null, insertId: 0, settings: [] };

/** What one lane has set. */
export class LaneMoment {
  #timestamp: number | 'own' = 'own';

  /** The command that sets what the replay needs; null: nothing has to be set. */
  commandFor({ timestamp, insertId, settings }: Moment): Buffer | null {
    const sets: string[] = [...settings];
    if (timestamp !== null && timestamp !== this.#timestamp) {
      sets.push(`TIMESTAMP = ${timestamp === 'own' ? 'DEFAULT' : timestamp}`);
      this.#timestamp = timestamp;
    }
    // The server forgets it behind the statement that uses it.
    if (insertId !== 0) sets.push(`INSERT_ID = ${insertId}`);
    return sets.length === 0
      ? null
      : commandPayload(COM.QUERY, Buffer.from(`SET ${sets.join(', ')}`, 'latin1'));
  }

  /** The connection was reset. */
  forget(): void {
    this.#timestamp = 'own';
  }
}
