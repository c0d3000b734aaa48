/**
 * One connection to the shadow and the units that it runs. Single statements are pipelined. A unit that needs
 * answers before it can end (a transaction, a context that is new here, a statement still to be prepared) holds the
 * lane until it has them; its end and the unit behind it go out in one write.
 */
import { commandPayload } from '../wire/packets.ts';
import { COM } from '../wire/protocol.ts';
import type { LaneLink, ReplyCallback } from './lane-link.ts';
import { LaneMoment } from './lane-moment.ts';
import { type Answer, LaneSession } from './lane-session.ts';
import { PreparedOnLane } from './prepared-on-lane.ts';
import { RowHash } from './row-hash.ts';
import type { ShadowSession } from './shadow-dialect.ts';
import { isLoneRead, type Replay, type Unit } from './unit.ts';
import { warnsApart } from './warnings.ts';
import type { Scheduled } from './write-order.ts';

export interface ReplayResult {
  /** Null: no answer came. */
  readonly answer: Answer;
  /** The rows' hash, where the replay is compared. */
  readonly rowHash: RowHash | null;
  /** The shadow could not be set up to do quite as the primary, reckons otherwise, or warned otherwise. */
  readonly unfaithful?: boolean;
}

/**
 * What became of a unit. `rolled_back`: the shadow kept nothing of it; `lost`: what it kept of those without an
 * answer, and of a transaction, is not known.
 */
export interface UnitResult {
  readonly outcome: 'answered' | 'rolled_back' | 'lost';
  /** In the order of the unit's replays; undefined, or left out at the end: not reached. */
  readonly results: readonly (ReplayResult | undefined)[];
  /** The shadow's error that stopped the unit; 0: none. */
  readonly errno: number;
}

export interface LaneOwner {
  /** The lane takes the next unit: what is sent at once goes out with the end of the one before. */
  readonly free: () => void;
  readonly done: (scheduled: Scheduled, result: UnitResult) => void;
  /** The shadow does not let us set a variable that replays need. */
  readonly refuses: (variable: string) => void;
}

export interface LaneOptions {
  readonly preparedStatements: number;
  readonly shadow: ShadowSession;
}

/** Answered once everything that was sent before it is. */
const PING = Buffer.of(COM.PING);
const COMMIT = commandPayload(COM.QUERY, 'COMMIT');
const ROLLBACK = commandPayload(COM.QUERY, 'ROLLBACK');
/** Statements of one unit that go out in one write. */
const STATEMENTS_A_WRITE = 64;
const LOST: UnitResult = { outcome: 'lost', results: [], errno: 0 };

export class Lane {
  readonly link: LaneLink;
  readonly #options: LaneOptions;
  readonly #owner: LaneOwner;
  readonly #session: LaneSession;
  readonly #prepared: PreparedOnLane;
  readonly #moment = new LaneMoment();
  #load = 0;
  #use: 'free' | 'held' = 'free';
  #last: 'single' | 'other' = 'other';
  #defining = false;
  /** The last unit under way whose answers are wanted as soon as they come; null: there is none. */
  #urgent: Scheduled | null = null;

  constructor(link: LaneLink, options: LaneOptions, owner: LaneOwner) {
    this.link = link;
    this.#options = options;
    this.#owner = owner;
    this.#session = new LaneSession(link, options.shadow, owner.refuses);
    this.#prepared = new PreparedOnLane(link, options.preparedStatements);
  }

  /** Units under way. */
  get load(): number {
    return this.#load;
  }

  /** What it waits for is a change of definitions, which has a time limit of its own. */
  get defining(): boolean {
    return this.#defining;
  }

  /** Nothing is under way here but reads that nobody waits for. */
  get isPatient(): boolean {
    return this.#urgent === null;
  }

  /** `depth`: the units that may be under way at once. */
  canTake(depth: number): boolean {
    return this.#use === 'free' && this.#load < depth;
  }

  run(scheduled: Scheduled): void {
    this.#load++;
    const { definition, replays } = scheduled.unit;
    const single = this.#asSingle(scheduled.unit);
    if (single === null || !isLoneRead(scheduled.unit)) {
      this.#urgent = scheduled;
      this.link.read('now');
    }
    if (definition !== null) void this.#runDefinition(scheduled, replays[0]!);
    else if (single !== null) this.#runSingle(scheduled, single);
    else void this.#runHeld(scheduled);
  }

  /** A unit's only statement, where nothing has to be known before it is sent. */
  #asSingle({ replays, transaction }: Unit): Replay | null {
    const [replay] = replays;
    if (replays.length !== 1 || transaction || replay === undefined) return null;
    if (replay.prepared !== null && this.#prepared.id(replay) === null) return null;
    return this.#session.canEnterAhead(replay.context) ? replay : null;
  }

  #runSingle(scheduled: Scheduled, replay: Replay): void {
    const session = this.#session;
    // One among transactions gets a COMMIT of its own; from the second on it pays to have none.
    if (session.autocommit !== 'off' || this.#last === 'single') session.setAutocommit('on');
    this.#last = 'single';
    session.enterAhead(replay.context);
    if (session.autocommit === 'on') {
      this.#send(replay, (result) => this.#done(scheduled, ofSingle(result)));
      return;
    }
    let ran = LOST;
    this.#send(replay, (result) => {
      ran = ofSingle(result);
    });
    this.link.send(COMMIT, (answer) => this.#done(scheduled, afterCommit(ran, answer)));
  }

  async #runHeld(scheduled: Scheduled): Promise<void> {
    const { replays, transaction } = scheduled.unit;
    const session = this.#session;
    this.#use = 'held';
    this.#last = 'other';
    if (transaction) session.setAutocommit('off');
    else if (session.autocommit === 'unknown') session.setAutocommit('on');
    const ran = await this.#runEach(replays);
    const failed = ran.errno !== 0;
    const ending =
      ran.outcome === 'lost' || session.autocommit !== 'off'
        ? null
        : this.#command(failed ? ROLLBACK : COMMIT);
    this.#use = 'free';
    this.#owner.free();
    const ended = await ending;
    if (failed) this.#done(scheduled, transaction ? { ...ran, outcome: 'rolled_back' } : ran);
    else this.#done(scheduled, ending === null ? ran : afterCommit(ran, ended));
  }

  /** By itself, and once all before it is answered, so that the time that it takes is its own. */
  async #runDefinition(scheduled: Scheduled, replay: Replay): Promise<void> {
    const results: ReplayResult[] = [];
    this.#use = 'held';
    this.#last = 'other';
    if (this.#session.autocommit !== 'on') this.#session.setAutocommit('on');
    const refused = await this.#makeReady([replay]);
    if (refused === null) {
      await this.#command(PING);
      this.#defining = true;
      await this.#sendAll([replay], results);
      this.#defining = false;
    } else {
      results.push({ answer: refused.answer, rowHash: null });
    }
    this.#use = 'free';
    this.#owner.free();
    this.#done(scheduled, ofSingle(results[0]!));
  }

  #done(scheduled: Scheduled, result: UnitResult): void {
    this.#load--;
    if (this.#urgent === scheduled) this.#urgent = null;
    this.#owner.done(scheduled, result);
  }

  /** Runs replays in order, those of one context in one write; stops behind the first group with an error. */
  async #runEach(replays: readonly Replay[]): Promise<UnitResult> {
    const results: (ReplayResult | undefined)[] = [];
    let at = 0;
    while (at < replays.length) {
      const group = this.#groupFrom(replays, at);
      const refused = await this.#makeReady(group);
      if (refused !== null) {
        const { answer } = refused;
        if (answer === null) return { ...LOST, results };
        results[at + refused.at] = { answer, rowHash: null };
        return { outcome: 'answered', results, errno: answer.errno };
      }
      await this.#sendAll(group, results);
      const answers = results.slice(at).map((result) => result?.answer ?? null);
      if (answers.includes(null)) return { ...LOST, results };
      const failed = answers.find((answer) => answer?.ok === false);
      if (failed) return { outcome: 'answered', results, errno: failed.errno };
      at += group.length;
    }
    return { outcome: 'answered', results, errno: 0 };
  }

  /** The replays from `at` on that can go out in one write. */
  #groupFrom(replays: readonly Replay[], at: number): readonly Replay[] {
    const most = Math.min(STATEMENTS_A_WRITE, this.#options.preparedStatements);
    const context = replays[at]!.context.id;
    let end = at + 1;
    while (end < replays.length && end - at < most && replays[end]!.context.id === context) end++;
    return at === 0 && end === replays.length ? replays : replays.slice(at, end);
  }

  /** Enters the group's context and prepares its statements; answers what the shadow refused, and for which of them. */
  async #makeReady(group: readonly Replay[]): Promise<{ answer: Answer; at: number } | null> {
    const { context } = group[0]!;
    if (this.#session.canEnterAhead(context)) this.#session.enterAhead(context);
    else {
      const refused = await this.#session.enter(context);
      if (refused !== null) {
        this.#prepared.forget();
        this.#moment.forget();
        return { ...refused, at: 0 };
      }
    }
    const missing = this.#prepared.missing(group);
    if (missing.length === 0) return null;
    const answers = await Promise.all(
      missing.map(({ sql }) => this.#command(commandPayload(COM.STMT_PREPARE, sql))),
    );
    let refused: { answer: Answer; at: number } | null = null;
    for (const [index, replay] of missing.entries()) {
      const answer = answers[index] ?? null;
      if (answer?.ok === true) this.#prepared.add(replay, answer.statementId);
      else refused ??= { answer, at: group.indexOf(replay) };
    }
    return refused;
  }

  /** Puts the results behind those that are there. */
  #sendAll(group: readonly Replay[], results: (ReplayResult | undefined)[]): Promise<void> {
    const from = results.length;
    let open = group.length;
    return new Promise((resolve) => {
      for (const [index, replay] of group.entries()) {
        this.#send(replay, (result) => {
          results[from + index] = result;
          open--;
          if (open === 0) resolve();
        });
      }
    });
  }

  #send(replay: Replay, done: (result: ReplayResult) => void): void {
    const rowHash = replay.primary.rowHash === null ? null : new RowHash();
    let unfaithful = this.#session.unfaithfulTo(replay);
    const { isOfOtherKind } = this.#session;
    const moment = this.#moment.commandFor(replay.moment);
    if (moment !== null) {
      this.link.send(moment, (answer) => {
        if (answer?.ok !== true) unfaithful = true;
      });
    }
    const callback: ReplyCallback = (answer) => {
      const { warnings } = replay.primary;
      if (answer?.ok === true && warnings !== null && warnsApart(warnings, answer.warnings, isOfOtherKind))
        unfaithful = true;
      done({ answer, rowHash, unfaithful });
    };
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

  #command(payload: Buffer): Promise<Answer> {
    return new Promise((resolve) => this.link.send(payload, resolve));
  }
}

function ofSingle(result: ReplayResult): UnitResult {
  const { answer } = result;
  return answer === null ? LOST : { outcome: 'answered', results: [result], errno: answer.errno };
}

/** `ran`: what the statements before the COMMIT came to. */
function afterCommit(ran: UnitResult, answer: Answer): UnitResult {
  if (answer === null || ran.outcome === 'lost') return LOST;
  if (answer.ok) return ran;
  return { outcome: 'rolled_back', results: ran.results, errno: answer.errno };
}
