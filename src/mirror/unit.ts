/** What is mirrored as a whole: an autocommitted statement, or a committed transaction. */
import type { StatementKind } from '../observe/metrics.ts';
import type { Plan } from '../sql/plan.ts';
import type { ExecutePacket } from '../wire/execute-packet.ts';
import type { ReplayContext } from './replay-context.ts';
import type { RowHash } from './row-hash.ts';
import { type WriteSet, writeSetOf } from './write-set.ts';

/** A prepared statement's execution, as the shadow will get it. */
export interface PreparedReplay {
  /** The statement’s text as a string (bytes as latin1 characters): what lanes know it by. */
  readonly text: string;
  readonly packet: ExecutePacket;
  /** Values sent ahead of the execution, by parameter. */
  readonly longData: ReadonlyMap<number, Buffer>;
}

/** A key of a moved table. */
export interface TableKey {
  readonly table: string;
  readonly key: string;
  /** Both in one: the same for every spelling of the same key. */
  readonly tag: string;
}

export function tableKey(table: string, key: string): TableKey {
  return { table, key, tag: `${table}/${key}` };
}

/** What the primary answered; the shadow's answer is held against it. */
export interface PrimaryAnswer {
  readonly seconds: number;
  readonly rows: number;
  readonly affectedRows: number | bigint;
  /** Null where affected rows can't be compared. */
  readonly compareAffected: boolean;
  /** Null where the rows are not compared. */
  readonly rowHash: RowHash | null;
}

/** One statement as it will be replayed. */
export interface Replay {
  readonly kind: StatementKind;
  readonly plan: Plan;
  /** Text for the shadow: databases mapped, left-out keys cut. */
  readonly sql: Buffer;
  /** Null: `sql` is sent as text. */
  readonly prepared: PreparedReplay | null;
  readonly context: ReplayContext;
  /** Moved tables it writes; each a doubt where keys are not known. */
  readonly tables: readonly string[];
  readonly keys: readonly TableKey[];
  readonly keysComplete: boolean;
  readonly primary: PrimaryAnswer;
  readonly bytes: number;
}

export interface Unit {
  readonly replays: readonly Replay[];
  /** Runs between BEGIN and COMMIT. */
  readonly transaction: boolean;
  readonly bytes: number;
  /** What its order among other units is kept by. */
  readonly writes: WriteSet;
  /** Monotonic milliseconds: when the primary's answer was complete. */
  readonly answeredAtMs: number;
}

/** What a replay's record takes beside its own bytes, roughly. */
export const REPLAY_OVERHEAD_BYTES = 512;

export function makeUnit(replays: readonly Replay[], answeredAtMs: number): Unit {
  let bytes = 0;
  for (const replay of replays) bytes += replay.bytes;
  const transaction = replays.length > 1 && replays.some((replay) => replay.kind !== 'read');
  return { replays, transaction, bytes, writes: writeSetOf(replays), answeredAtMs };
}
