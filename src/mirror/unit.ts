/** What is mirrored as a whole: an autocommitted statement, or a committed transaction. */
import type { StatementKind } from '../observe/metrics.ts';
import type { Plan } from '../sql/plan.ts';
import type { ExecutePacket } from '../wire/execute-packet.ts';
import type { ExpectedCount } from './affected-rows.ts';
import type { BoundDefinition } from './bound-definition.ts';
import type { Moment } from './lane-moment.ts';
import type { ReplayContext } from './replay-context.ts';
import type { RowHash } from './row-hash.ts';
import type { RowTally } from './row-tally.ts';
import type { TableKey } from './table-key.ts';
import type { PrimaryWarnings } from './warnings.ts';
import type { WriteSpan } from './write-span.ts';

/** A prepared statement's execution, as the shadow will get it. */
export interface PreparedReplay {
  /** The statement’s text as a string (bytes as latin1 characters): what lanes know it by. */
  readonly text: string;
  readonly packet: ExecutePacket;
  /** Values sent ahead of the execution, by parameter. */
  readonly longData: ReadonlyMap<number, Buffer>;
}

/** What the primary answered; the shadow's answer is held against it. */
export interface PrimaryAnswer {
  readonly seconds: number;
  readonly rows: number;
  /** How many rows a lane should be told that it changed; null where that can't be compared. */
  readonly affected: ExpectedCount | null;
  /** They are compared with those of other replays together; null: they are not. */
  readonly tally: RowTally<Replay> | null;
  /** Null where they are not compared, or it is a doubt anyway. */
  readonly warnings: PrimaryWarnings | null;
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
  readonly moment: Moment;
  /** Moved tables it writes; each a doubt where keys are not known. */
  readonly tables: readonly string[];
  readonly keys: readonly TableKey[];
  readonly keysComplete: boolean;
  /** It may give rows another key: where one of its keys is in doubt, all of them are. */
  readonly moves: boolean;
  /** A server of the other kind may make other values of it. */
  readonly byKind: boolean;
  /** Tables that it may change besides, or whose units keep one order, whatever its keys. */
  readonly barriers: readonly string[];
  readonly primary: PrimaryAnswer;
  /** Of a write or delete: settled when it is known what became of the replay. */
  readonly span: WriteSpan | null;
  readonly bytes: number;
}

/** What a unit claims of the shadow's rows: its order among other units is kept by it. */
export interface WriteSet {
  /** Keys, each with its table: units that share one run in order. */
  readonly keys: readonly string[];
  /** Tables of those keys: such units run beside each other, but not beside a barrier. */
  readonly tables: readonly string[];
  /** Tables of which the unit may touch any row: it waits for every earlier unit on them, and every later one for it. */
  readonly barriers: readonly string[];
}

export interface Unit {
  readonly replays: readonly Replay[];
  /** Is kept by the shadow whole or not at all. */
  readonly transaction: boolean;
  readonly bytes: number;
  readonly writes: WriteSet;
  /** It changes definitions, with one replay; null: it is traffic. */
  readonly definition: BoundDefinition | null;
  /** Monotonic milliseconds: when the primary's answer was complete. */
  readonly answeredAtMs: number;
}

/** A read by itself, whose place among other units makes no difference. */
export function isLoneRead({ replays, writes }: Unit): boolean {
  if (replays.length !== 1 || replays[0]!.kind !== 'read') return false;
  return writes.keys.length === 0 && writes.barriers.length === 0;
}

/** What a replay's record takes beside its own bytes, roughly. */
export const REPLAY_OVERHEAD_BYTES = 512;
