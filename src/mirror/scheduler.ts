/**
 * The bounded queue of units. A unit is ready when every earlier unit whose write set meets its own is finished;
 * ready units leave in the order in which they became so.
 */
import { Chain } from '../base/chain.ts';
import { Fifo } from '../base/fifo.ts';
import type { Unit } from './unit.ts';
import { type Scheduled, WriteOrder } from './write-order.ts';

export interface SchedulerLimits {
  readonly statements: number;
  readonly bytes: number;
}

export class Scheduler {
  readonly #limits: SchedulerLimits;
  readonly #order = new WriteOrder();
  /** Units not finished, in the order of their offering: the first is the oldest. */
  readonly #unfinished = new Chain<Scheduled>();
  #ready = new Fifo<Scheduled>();
  /** Ready to be run once more: before all others, as later units may wait for them. */
  #again = new Fifo<Scheduled>();
  /** Ready, and held back until `release`. */
  #held = new Fifo<Scheduled>();
  #statements = 0;
  #bytes = 0;

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
  }

  /** Statements held, those being replayed included. */
  get statements(): number {
    return this.#statements;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Units that are held back. */
  get held(): number {
    return this.#held.length;
  }

  /** When the primary answered the oldest unit that is not finished; null: there is none. */
  oldestAnsweredAtMs(): number | null {
    return this.#unfinished.first?.unit.answeredAtMs ?? null;
  }

  /** False: the queue is full and the unit was not taken. `held`: once ready, it is not shown before `release`. */
  offer(unit: Unit, place: 'ready' | 'held' = 'ready'): boolean {
    const statements = this.#statements + unit.replays.length;
    const bytes = this.#bytes + unit.bytes;
    // A unit larger than the whole queue may pass through an empty one.
    if (this.#statements > 0 && (statements > this.#limits.statements || bytes > this.#limits.bytes))
      return false;
    this.#statements = statements;
    this.#bytes = bytes;
    const scheduled = this.#order.enter(unit);
    this.#unfinished.add(scheduled);
    if (scheduled.waitsFor === 0) (place === 'held' ? this.#held : this.#ready).push(scheduled);
    return true;
  }

  /** What was held back is to run behind what is ready. */
  release(): void {
    for (let next = this.#held.shift(); next !== null; next = this.#held.shift()) this.#ready.push(next);
  }

  /** The unit that is to run next; it stays until `take`. */
  peek(): Scheduled | null {
    return this.#again.peek() ?? this.#ready.peek();
  }

  /** Takes the unit that `peek` shows; the taker must call `finish` for it, or `pause` and `resume`. */
  take(): Scheduled | null {
    const next = this.#again.shift() ?? this.#ready.shift();
    if (next === null) return null;
    next.attempts++;
    next.state = 'running';
    return next;
  }

  /** The unit is to be run once more, but not yet. It keeps its place: what waits for it goes on waiting. */
  pause(scheduled: Scheduled): void {
    if (scheduled.state === 'running') scheduled.state = 'waiting';
  }

  /** A paused unit may be taken again; it may have been cleared away meanwhile. */
  resume(scheduled: Scheduled): void {
    if (scheduled.state === 'waiting') this.#again.push(scheduled);
  }

  /** Lets go of a unit, whatever became of it, and of those that waited for it. */
  finish(scheduled: Scheduled): void {
    if (scheduled.state === 'finished') return;
    scheduled.state = 'finished';
    this.#unfinished.remove(scheduled);
    this.#statements -= scheduled.unit.replays.length;
    this.#bytes -= scheduled.unit.bytes;
    for (const freed of this.#order.leave(scheduled)) this.#ready.push(freed);
  }

  /** Takes out what waits, or everything, oldest first. */
  clear(what: 'waiting' | 'all'): Unit[] {
    const dropped = [...this.#unfinished].filter(({ state }) => what === 'all' || state === 'waiting');
    for (const scheduled of dropped) this.finish(scheduled);
    this.#ready = new Fifo();
    this.#again = new Fifo();
    this.#held = new Fifo();
    this.#order.restart(this.#unfinished);
    return dropped.map((scheduled) => scheduled.unit);
  }
}
