/**
 * One connection to the shadow and the units that it runs. Single statements that need nothing beforehand
 * are pipelined; a unit that needs an answer in between (a transaction, another context, a statement still
 * to be prepared) has the lane to itself.
 */
import type { Exchange } from '../wire/exchange.ts';
import { commandPayload } from '../wire/packets.ts';
import { COM } from '../wire/protocol.ts';
import type { LaneLink, ReplyCallback } from './lane-link.ts';
import { LaneMoment } from './lane-moment.ts';
import { PreparedOnLane } from './prepared-on-lane.ts';
import { contextStatements, EMPTY_CONTEXT, type ReplayContext } from './replay-context.ts';
import { RowHash } from './row-hash.ts';
import { translateContext } from './shadow-dialect.ts';
import type { ServerKind } from './sql-modes.ts';
import type { Replay } from './unit.ts';
import type { Scheduled } from './write-order.ts';

type Answer = Exchange<ReplyCallback>;

export interface ReplayResult {
  /** Null: no answer came. */
  readonly answer: Answer | null;
  /** The rows' hash, where the replay is compared. */
  readonly rowHash: RowHash | null;
  /** The shadow could not be set up to do quite as the primary. */
  readonly unfaithful?: boolean;
}

/** What became of a unit. `results` are in the order of its replays; those not reached are left out. */
export interface UnitResult {
  readonly outcome: 'answered' | 'rolled_back' | 'lost';
  readonly results: readonly ReplayResult[];
  /** The shadow's error that stopped the unit; 0: none. */
  readonly errno: number;
}

export type UnitCallback = (scheduled: Scheduled, result: UnitResult) => void;

const DEFAULT_NAMES = 'SET NAMES utf8mb4';
/**
 * BEGIN would not do: a deadlock ends the transaction, and what was sent behind the statement that met it would
 * then stay for good, each statement by itself. With autocommit off all of it is one ROLLBACK away.
 */
const BEGIN = text('SET autocommit = 0');
const END = text('SET autocommit = 1');
const COMMIT = text('COMMIT');
const ROLLBACK = text('ROLLBACK');
const RESET = Buffer.of(COM.RESET_CONNECTION);

export class Lane {
  readonly link: LaneLink;
  readonly #pipeline: number;
  readonly #prepared: PreparedOnLane;
  readonly #onUnit: UnitCallback;
  readonly #shadow: ServerKind;
  readonly #moment = new LaneMoment();
  #context: ReplayContext = EMPTY_CONTEXT;
  /** The same in the shadow's words. */
  #entered: ReplayContext = EMPTY_CONTEXT;
  /** The shadow could not be set up to do quite as the primary in this context. */
  #unfaithful = false;
  #piped = 0;
  #exclusive = false;

  constructor(
    link: LaneLink,
    options: { pipeline: number; preparedStatements: number; shadow: ServerKind },
    onUnit: UnitCallback,
  ) {
    this.link = link;
    this.#pipeline = options.pipeline;
    this.#shadow = options.shadow;
    this.#prepared = new PreparedOnLane(link, options.preparedStatements);
    this.#onUnit = onUnit;
    this.#autocommit();
  }

  /** Units under way. */
  get load(): number {
    return this.#piped + (this.#exclusive ? 1 : 0);
  }

  canTake(scheduled: Scheduled): boolean {
    if (this.#exclusive) return false;
    if (this.#piped === 0) return true;
    return this.#piped < this.#pipeline && this.#isSimple(scheduled);
  }

  run(scheduled: Scheduled): void {
    if (this.#isSimple(scheduled)) this.#runPiped(scheduled);
    else void this.#runExclusive(scheduled);
  }

  #isSimple({ unit }: Scheduled): boolean {
    const [replay] = unit.replays;
    if (unit.replays.length !== 1 || unit.transaction || replay === undefined) return false;
    if (replay.context.id !== this.#context.id) return false;
    return replay.prepared === null || this.#prepared.id(replay) !== null;
  }

  #runPiped(scheduled: Scheduled): void {
    this.#piped++;
    const replay = scheduled.unit.replays[0]!;
    this.#send(replay, (result) => {
      this.#piped--;
      const { answer } = result;
      const outcome = answer === null ? 'lost' : 'answered';
      this.#onUnit(scheduled, { outcome, results: [result], errno: answer?.errno ?? 0 });
    });
  }

  async #runExclusive(scheduled: Scheduled): Promise<void> {
    this.#exclusive = true;
    const result = scheduled.unit.transaction
      ? await this.#runTransaction(scheduled.unit.replays)
      : await this.#runEach(scheduled.unit.replays);
    this.#exclusive = false;
    this.#onUnit(scheduled, result);
  }

  async #runTransaction(replays: readonly Replay[]): Promise<UnitResult> {
    const begun = await this.#command(BEGIN);
    if (begun === null || !begun.ok)
      return { outcome: endedBy(begun), results: [], errno: begun?.errno ?? 0 };
    const ran = await this.#runEach(replays);
    if (ran.outcome === 'lost') return ran;
    if (ran.errno !== 0) {
      await this.#endBy(ROLLBACK);
      return { ...ran, outcome: 'rolled_back' };
    }
    const committed = await this.#endBy(COMMIT);
    if (committed?.ok === true) return ran;
    return { outcome: endedBy(committed), results: ran.results, errno: committed?.errno ?? 0 };
  }

  async #endBy(command: Buffer): Promise<Answer | null> {
    const sent = [this.#command(command), this.#command(END)] as const;
    const [answer] = await Promise.all(sent);
    return answer;
  }

  /** Runs replays in order, those of one context in one write; stops behind the first group with an error. */
  async #runEach(replays: readonly Replay[]): Promise<UnitResult> {
    const results: ReplayResult[] = [];
    let at = 0;
    while (at < replays.length) {
      const refused = await this.#prepareFor(replays[at]!);
      if (refused !== null) {
        results.push({ answer: refused.answer, rowHash: null });
        return { outcome: endedBy(refused.answer), results, errno: refused.answer?.errno ?? 0 };
      }
      const group = this.#groupFrom(replays, at);
      const sent = group.map((replay) => new Promise<ReplayResult>((resolve) => this.#send(replay, resolve)));
      const answered = await Promise.all(sent);
      results.push(...answered);
      if (answered.some(({ answer }) => answer === null)) return { outcome: 'lost', results, errno: 0 };
      const failed = answered.find(({ answer }) => answer !== null && !answer.ok);
      if (failed?.answer) return { outcome: 'answered', results, errno: failed.answer.errno };
      at += group.length;
    }
    return { outcome: 'answered', results, errno: 0 };
  }

  /** The replays from `at` on that can go out in one write. */
  #groupFrom(replays: readonly Replay[], at: number): readonly Replay[] {
    let end = at + 1;
    while (end < replays.length && end - at < this.#pipeline) {
      const next = replays[end]!;
      if (next.context.id !== this.#context.id) break;
      if (next.prepared !== null && this.#prepared.id(next) === null) break;
      end++;
    }
    return replays.slice(at, end);
  }

  /** Brings the lane into the replay's context and prepares its statement; answers what the shadow refused. */
  async #prepareFor(replay: Replay): Promise<{ answer: Answer | null } | null> {
    const refused = await this.#enter(replay.context);
    if (refused !== null) return refused;
    if (replay.prepared === null || this.#prepared.id(replay) !== null) return null;
    const answer = await this.#command(commandPayload(COM.STMT_PREPARE, replay.sql));
    if (answer === null || !answer.ok) return { answer };
    this.#prepared.add(replay, answer.statementId);
    return null;
  }

  async #enter(context: ReplayContext): Promise<{ answer: Answer | null } | null> {
    if (context.id === this.#context.id) return null;
    const { context: own, faithful } = translateContext(context, this.#shadow);
    const commands = contextStatements(this.#entered, own, DEFAULT_NAMES).map(text);
    // The database first: SET CHARACTER SET takes its connection's character set from it.
    if (context.database !== null && context.database !== this.#context.database) {
      commands.unshift(commandPayload(COM.INIT_DB, context.database));
    }
    const sent = commands.map((command) => this.#command(command));
    const answers = await Promise.all(sent);
    const refused = answers.find((answer) => answer === null || !answer.ok);
    if (refused === undefined) {
      this.#context = context;
      this.#entered = own;
      this.#unfaithful = !faithful;
      return null;
    }
    // Half-way between two contexts nothing may run: back to the beginning.
    await this.#command(RESET);
    this.#autocommit();
    this.#prepared.forget();
    this.#moment.forget();
    this.#context = EMPTY_CONTEXT;
    this.#entered = EMPTY_CONTEXT;
    this.#unfaithful = false;
    return { answer: refused };
  }

  /** The shadow may be set up to begin its sessions without it, and a single statement would never be committed. */
  #autocommit(): void {
    this.link.send(END, () => {});
  }

  #send(replay: Replay, done: (result: ReplayResult) => void): void {
    const rowHash = replay.primary.rowHash === null ? null : new RowHash();
    let unfaithful = this.#unfaithful;
    const moment = this.#moment.commandFor(replay.moment);
    if (moment !== null) {
      this.link.send(moment, (answer) => {
        if (answer?.ok !== true) unfaithful = true;
      });
    }
    const callback: ReplyCallback = (answer) => done({ answer, rowHash, unfaithful });
    if (replay.prepared === null) {
      this.link.query(replay.sql, callback, rowHash);
      return;
    }
    const id = this.#prepared.id(replay)!;
    if (replay.prepared.longData.size > 0) this.#sendAhead(id, replay.prepared.longData);
    this.link.send(replay.prepared.packet.payloadFor(id), callback, rowHash);
  }

  /** Values too long for the execution itself. */
  #sendAhead(id: number, longData: ReadonlyMap<number, Buffer>): void {
    for (const [ordinal, value] of longData) {
      const head = Buffer.alloc(7);
      head[0] = COM.STMT_SEND_LONG_DATA;
      head.writeUInt32LE(id, 1);
      head.writeUInt16LE(ordinal, 5);
      this.link.sendOnly(Buffer.concat([head, value]));
    }
  }

  #command(payload: Buffer): Promise<Answer | null> {
    return new Promise((resolve) => this.link.send(payload, resolve));
  }
}

function text(sql: string): Buffer {
  return commandPayload(COM.QUERY, sql);
}

function endedBy(answer: Answer | null): 'answered' | 'lost' {
  return answer === null ? 'lost' : 'answered';
}
