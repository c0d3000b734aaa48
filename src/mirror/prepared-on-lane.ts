/** The prepared statements that a lane holds, by context and text; bounded. */
import { COM } from '../wire/protocol.ts';
import type { LaneLink } from './lane-link.ts';
import type { Replay } from './unit.ts';

export class PreparedOnLane {
  readonly #link: LaneLink;
  readonly #max: number;
  /** A statement is bound to the database and the modes it was prepared in: context, then text, to id. */
  readonly #ids = new Map<string, Map<string, number>>();
  #count = 0;

  constructor(link: LaneLink, max: number) {
    this.#link = link;
    this.#max = max;
  }

  /** The id on the shadow; null: it is still to be prepared. */
  id(replay: Replay): number | null {
    if (replay.prepared === null) return null;
    return this.#ids.get(replay.context.id)?.get(replay.prepared.text) ?? null;
  }

  /**
   * Those of `group` (of one context, and no more than the bound) that are still to be prepared, each text once.
   * Where there is no room for them, what was prepared before is closed, and they are more.
   */
  missing(group: readonly Replay[]): readonly Replay[] {
    const missing = this.#unknown(group);
    if (this.#count + missing.length <= this.#max) return missing;
    this.#closeAll();
    return this.#unknown(group);
  }

  /** Only what was missing. */
  add(replay: Replay, id: number): void {
    if (replay.prepared === null) return;
    let inContext = this.#ids.get(replay.context.id);
    if (inContext === undefined) {
      inContext = new Map();
      this.#ids.set(replay.context.id, inContext);
    }
    inContext.set(replay.prepared.text, id);
    this.#count++;
  }

  /** The connection was reset: the server holds none any more. */
  forget(): void {
    this.#ids.clear();
    this.#count = 0;
  }

  #unknown(group: readonly Replay[]): readonly Replay[] {
    const unknown = group.filter((replay) => replay.prepared !== null && this.id(replay) === null);
    if (unknown.length < 2) return unknown;
    return [...new Map(unknown.map((replay) => [replay.prepared?.text, replay])).values()];
  }

  #closeAll(): void {
    for (const inContext of this.#ids.values()) {
      for (const id of inContext.values()) {
        const payload = Buffer.alloc(5);
        payload[0] = COM.STMT_CLOSE;
        payload.writeUInt32LE(id, 1);
        this.#link.sendOnly(payload);
      }
    }
    this.forget();
  }
}
