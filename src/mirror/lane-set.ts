/**
 * The lanes of one shard: opened when there is work, watched for time-outs, closed and left alone while the
 * breaker is open. It takes units from the scheduler and reports what became of each.
 */
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ShardIncidents } from '../observe/incident.ts';
import {
  admittedShare,
  afterFailure,
  afterSuccess,
  afterWait,
  type BreakerSettings,
  type BreakerState,
  CLOSED,
} from './breaker.ts';
import { QueryKiller } from './kill-query.ts';
import { Lane, type UnitResult } from './lane.ts';
import { LaneLink, type LinkEnd } from './lane-link.ts';
import { type LaneTarget, type LoggedIn, logIn } from './lane-login.ts';
import { ReadGathering } from './read-gathering.ts';
import { isRetryable, mayRetry, pauseMs } from './retries.ts';
import type { Scheduler } from './scheduler.ts';
import { isLoneRead, type Unit } from './unit.ts';
import type { Scheduled } from './write-order.ts';

export interface LaneSettings {
  readonly perShard: number;
  readonly pipeline: number;
  readonly timeoutMs: number;
  /** The same for a change of definitions. */
  readonly ddlTimeoutMs: number;
  readonly preparedStatements: number;
}

export interface LaneSetOptions {
  readonly target: LaneTarget;
  readonly lanes: LaneSettings;
  readonly breaker: BreakerSettings;
  readonly scheduler: Scheduler;
  readonly incidents: ShardIncidents;
  /** Names the shard. */
  readonly log: Log;
  readonly now: () => number;
  readonly random: () => number;
  /** A unit will be run once more. */
  readonly retried: () => void;
  /** A unit has come to its end. */
  readonly settled: (unit: Unit, result: UnitResult | 'timed_out') => void;
  /** The shadow answers again, for good. */
  readonly back: () => void;
  /** Units that will not be run, as the shadow is down. */
  readonly dropped: (units: readonly Unit[]) => void;
}

const TICK_MS = 100;
/** So many times more than other units may go out on one lane of reads that nobody waits for. */
const READS_DEEPER = 2;

/** Times are in milliseconds of the clock that was passed in. */
export interface ShadowStatus {
  readonly state: 'idle' | 'up' | 'down' | 'recovering';
  readonly sinceMs: number;
  /** Stays when the shadow is up again. */
  readonly lastError: string | null;
  readonly lastErrorMs: number | null;
}

export class LaneSet {
  readonly #options: LaneSetOptions;
  readonly #killer: QueryKiller;
  readonly #lanes = new Set<Lane>();
  #running = 0;
  readonly #timedOut = new WeakSet<Lane>();
  #connecting = 0;
  #state: BreakerState = CLOSED;
  #stateSinceMs: number;
  #lastError: string | null = null;
  #lastErrorMs: number | null = null;
  /** Variables that our account may not set on the shadow. */
  readonly #refused = new Set<string>();
  #used = false;
  #closed = false;
  readonly #reads: ReadGathering;
  readonly #ticker: NodeJS.Timeout;

  constructor(options: LaneSetOptions) {
    this.#options = options;
    this.#killer = new QueryKiller(options.target, options.log, options.now);
    this.#stateSinceMs = options.now();
    this.#reads = new ReadGathering(options.now, () => this.#sendHeld());
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  get size(): number {
    return this.#lanes.size;
  }

  /** Units that lanes are running. */
  get running(): number {
    return this.#running;
  }

  get status(): ShadowStatus {
    return {
      state: this.#describe(),
      sinceMs: this.#stateSinceMs,
      lastError: this.#lastError,
      lastErrorMs: this.#lastErrorMs,
    };
  }

  /** Should a unit be let in now? False while the shadow is down, and for a shrinking share after it is back. */
  admits(): boolean {
    if (this.#state.at === 'closed') return true;
    const share = admittedShare(this.#state, this.#options.breaker, this.#options.now());
    return share > 0 && this.#options.random() < share;
  }

  /** Takes a unit that was let in. False: the queue is full. */
  offer(unit: Unit): boolean {
    const { scheduler, lanes } = this.#options;
    const holds = !this.#closed && isLoneRead(unit) && this.#reads.holds(unit.answeredAtMs);
    if (!scheduler.offer(unit, holds ? 'held' : 'ready')) return false;
    if (!holds) this.kick();
    else if (scheduler.held >= lanes.pipeline * READS_DEEPER) this.#sendHeld();
    return true;
  }

  /** There is something in the queue. */
  kick(): void {
    this.#run(this.#options.lanes.pipeline);
  }

  /** `readDepth`: how many units may be under way on the lane of a lone read. */
  #run(readDepth: number): void {
    const { scheduler, lanes } = this.#options;
    for (;;) {
      const next = scheduler.peek();
      if (next === null || this.#closed) return;
      this.#used = true;
      const lane = this.#freeLane(isLoneRead(next.unit) ? readDepth : lanes.pipeline);
      if (lane === null) break;
      scheduler.take();
      this.#running++;
      lane.run(next);
    }
    this.#openAnother();
  }

  /** Ends all lanes at once; what they were running is told as lost. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#ticker);
    this.#reads.stop();
    for (const lane of [...this.#lanes]) lane.link.end('closed', 'the proxy is shutting down');
  }

  /**
   * Sends the reads that were held back. Their answers are left to come together while what was sent before them is
   * read; with more in the queue than lanes can take, every answer is wanted at once.
   */
  #sendHeld(): void {
    const { scheduler, lanes } = this.#options;
    this.#reads.sent();
    scheduler.release();
    this.#run(lanes.pipeline * READS_DEEPER);
    const mayRest = this.#reads.isOn && scheduler.peek() === null;
    for (const { link, isPatient } of this.#lanes)
      link.read(mayRest && isPatient && link.batching && !link.resting ? 'later' : 'now');
  }

  /**
   * The lane for a unit: one that sends this turn's units anyway, else the least busy one; null: none can
   * take it.
   */
  #freeLane(depth: number): Lane | null {
    let best: Lane | null = null;
    for (const lane of this.#lanes) {
      if (!lane.canTake(depth)) continue;
      if (best === null || lane.load < best.load) best = lane;
      if (lane.link.batching) {
        best = lane;
        break;
      }
    }
    // A new lane is better than a second unit on an old one, while there may be more lanes.
    if (best !== null && best.load > 0) this.#openAnother();
    return best;
  }

  #openAnother(): void {
    const { lanes } = this.#options;
    if (this.#closed || this.#lanes.size + this.#connecting >= lanes.perShard) return;
    if (this.#connecting > 0 || this.#state.at === 'open') return;
    if (this.#state.at === 'probing' && this.#lanes.size > 0) return;
    void this.#connect();
  }

  async #connect(): Promise<void> {
    this.#connecting++;
    const login = await logIn(this.#options.target).catch((error: unknown) => messageOf(error));
    this.#connecting--;
    if (typeof login === 'string') this.#failed(login);
    else this.#connected(login);
  }

  #connected({ socket, connectionId, kind, begun }: LoggedIn): void {
    if (this.#closed) {
      socket.destroy();
      return;
    }
    const { lanes, now } = this.#options;
    const link = new LaneLink(socket, connectionId, now, (end, reason) => this.#ended(lane, end, reason));
    const lane = new Lane(
      link,
      { ...lanes, shadow: { kind, begun, refused: this.#refused } },
      {
        free: () => this.kick(),
        done: (scheduled, result) => this.#unitDone(lane, scheduled, result),
        refuses: (variable) => this.#refuses(variable),
      },
    );
    this.#lanes.add(lane);
    if (this.#state.at === 'probing') this.#succeeded();
    this.kick();
  }

  #refuses(variable: string): void {
    if (this.#refused.has(variable)) return;
    this.#refused.add(variable);
    this.#options.log.warn(
      { variable },
      'newUser may not set a variable on the new server as sessions of the old one have it: what they write is a doubt',
    );
  }

  #unitDone(lane: Lane, scheduled: Scheduled, result: UnitResult): void {
    this.#running--;
    // Taken back while it ran, and accounted for by whoever took it.
    if (scheduled.state === 'finished') return;
    if (!this.#retries(scheduled, result)) {
      this.#options.scheduler.finish(scheduled);
      if (result.outcome !== 'lost') this.#succeeded();
      const timedOut = result.outcome === 'lost' && this.#timedOut.has(lane);
      this.#options.settled(scheduled.unit, timedOut ? 'timed_out' : result);
    }
    this.kick();
  }

  /** Sets a unit that the shadow turned down aside for another attempt; what waits for it goes on waiting. */
  #retries(scheduled: Scheduled, result: UnitResult): boolean {
    if (!isRetryable(result) || this.#closed) return false;
    const { lanes, scheduler, now, random, retried } = this.#options;
    const nowMs = now();
    scheduled.failedFirstAtMs ??= nowMs;
    if (!mayRetry(scheduled.attempts, nowMs - scheduled.failedFirstAtMs, lanes.timeoutMs)) return false;
    retried();
    scheduler.pause(scheduled);
    const timer = setTimeout(
      () => {
        scheduler.resume(scheduled);
        this.kick();
      },
      pauseMs(scheduled.attempts, random()),
    );
    timer.unref();
    return true;
  }

  #ended(lane: Lane, end: LinkEnd, reason: string): void {
    this.#lanes.delete(lane);
    if (end === 'closed') return;
    this.#failed(reason);
  }

  #failed(reason: string): void {
    const { log, breaker, now } = this.#options;
    this.#lastError = reason;
    this.#lastErrorMs = now();
    const before = this.#state.at;
    this.#move(afterFailure(this.#state, breaker, now()));
    log.warn({ reason, breaker: this.#state.at }, 'a lane to the shadow failed');
    this.#options.incidents.report({ reason: 'lane_failed', message: reason });
    if (this.#state.at === 'open' && before !== 'open') {
      this.#options.incidents.report({ reason: 'breaker_open', message: reason });
      this.#dropQueued();
    }
  }

  #succeeded(): void {
    // The rule, for which no clock need be read.
    if (this.#state === CLOSED) return;
    this.#move(afterSuccess(this.#state, this.#options.breaker, this.#options.now()));
  }

  #move(state: BreakerState): void {
    if (state.at !== this.#state.at) {
      this.#stateSinceMs = this.#options.now();
      this.#options.log.info({ from: this.#state.at, to: state.at }, 'the breaker of the shadow changed');
    }
    const isBack = this.#state.at !== 'closed' && state.at === 'closed';
    this.#state = state;
    if (isBack) this.#options.back();
  }

  #dropQueued(): void {
    this.#options.dropped(this.#options.scheduler.clear('waiting'));
  }

  #tick(): void {
    const { lanes, now } = this.#options;
    for (const lane of [...this.#lanes]) {
      const limitMs = lane.defining ? lanes.ddlTimeoutMs : lanes.timeoutMs;
      if (lane.link.waitingMs() <= limitMs) continue;
      this.#timedOut.add(lane);
      void this.#killer.kill(lane.link.connectionId);
      // A definition that takes long says nothing of the shadow's health.
      lane.link.end(lane.defining ? 'closed' : 'timed_out', `no answer within ${limitMs} ms`);
    }
    if (this.#state.at === 'open') this.#closeIdle();
    this.#move(afterWait(this.#state, now()));
    if (this.#state.at === 'probing' && this.#lanes.size === 0) this.#openAnother();
    else this.kick();
  }

  /** While the breaker is open: the probe that follows is a new connection, for which there must be room. */
  #closeIdle(): void {
    for (const lane of [...this.#lanes]) {
      if (lane.load === 0) lane.link.end('closed', 'the breaker is open');
    }
  }

  #describe(): 'idle' | 'up' | 'down' | 'recovering' {
    if (!this.#used) return 'idle';
    if (this.#state.at === 'closed') return 'up';
    return this.#state.at === 'open' ? 'down' : 'recovering';
  }
}
