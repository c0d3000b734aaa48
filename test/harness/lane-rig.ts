/** Lanes to a real server, with what came of every unit kept for the test to look at. */
import { silentLog } from '../../src/base/log.ts';
import type { BreakerSettings } from '../../src/mirror/breaker.ts';
import type { UnitResult } from '../../src/mirror/lane.ts';
import { LaneSet, type LaneSettings } from '../../src/mirror/lane-set.ts';
import { Scheduler } from '../../src/mirror/scheduler.ts';
import type { Replay, Unit } from '../../src/mirror/unit.ts';
import { KeptIncidents } from './kept-incidents.ts';
import { unitOf } from './mirror-kit.ts';
import { waitFor } from './wait.ts';

export type Ending = UnitResult | 'timed_out' | 'dropped';

export interface LaneRigOptions {
  readonly port: number;
  readonly user?: string;
  readonly connectTimeoutMs?: number;
  readonly lanes?: Partial<LaneSettings>;
  readonly breaker?: Partial<BreakerSettings>;
}

export class LaneRig {
  readonly scheduler = new Scheduler({ statements: 10_000, bytes: 1 << 28 });
  readonly incidents = new KeptIncidents();
  readonly lanes: LaneSet;
  /** Each end of each unit: more than one is a fault. */
  readonly endings = new Map<Unit, Ending[]>();
  /** Units in the order of their ends. */
  readonly order: Unit[] = [];
  retries = 0;

  constructor(options: LaneRigOptions) {
    this.lanes = new LaneSet({
      target: {
        host: '127.0.0.1',
        port: options.port,
        account: { user: options.user ?? 'root', password: '' },
        tls: null,
        connectTimeoutMs: options.connectTimeoutMs ?? 5000,
      },
      lanes: {
        perShard: 1,
        pipeline: 8,
        timeoutMs: 20_000,
        ddlTimeoutMs: 20_000,
        preparedStatements: 100,
        ...options.lanes,
      },
      breaker: { failures: 3, backoffMinMs: 50, backoffMaxMs: 200, rampMs: 0, ...options.breaker },
      scheduler: this.scheduler,
      incidents: this.incidents,
      log: silentLog(),
      now: () => performance.now(),
      random: () => Math.random(),
      retried: () => {
        this.retries++;
      },
      settled: (unit, result) => this.#ended(unit, result),
      back: () => {},
      dropped: (units) => {
        for (const unit of units) this.#ended(unit, 'dropped');
      },
    });
  }

  /** Offers replays as one unit, and starts it; units of one session keep their order here. */
  offer(replays: readonly Replay[], session = 'session 0'): Unit {
    return this.offerUnit(inSession(unitOf(replays), session));
  }

  offerUnit(unit: Unit): Unit {
    this.endings.set(unit, []);
    if (!this.lanes.offer(unit)) throw new Error('the rig’s queue is full');
    return unit;
  }

  /** Waits for the end of the unit. */
  async ending(unit: Unit): Promise<Ending> {
    return waitFor(() => this.endings.get(unit)?.[0], { what: 'the end of a unit' });
  }

  /** Offers one unit and waits for its end, which must be an answer. */
  async run(replays: readonly Replay[], session?: string): Promise<UnitResult> {
    const ending = await this.ending(this.offer(replays, session));
    if (ending === 'timed_out' || ending === 'dropped') throw new Error(`the unit was ${ending}`);
    return ending;
  }

  async allEnded(): Promise<void> {
    await waitFor(() => [...this.endings.values()].every((endings) => endings.length > 0), {
      what: 'the end of every unit',
    });
  }

  /** Waits until the breaker lets everything in, with a lane that works. */
  async recovered(probe: () => readonly Replay[]): Promise<void> {
    await waitFor(
      async () => {
        if (!this.lanes.admits()) return false;
        const ending = await this.ending(this.offer(probe()));
        return (
          typeof ending === 'object' && ending.outcome === 'answered' && this.lanes.status.state === 'up'
        );
      },
      { what: 'the lanes to recover' },
    );
  }

  close(): void {
    this.lanes.close();
    for (const unit of this.scheduler.clear('all')) this.#ended(unit, 'dropped');
  }

  #ended(unit: Unit, ending: Ending): void {
    this.endings.get(unit)?.push(ending);
    this.order.push(unit);
  }
}

function inSession(unit: Unit, session: string): Unit {
  return { ...unit, writes: { ...unit.writes, keys: [...unit.writes.keys, session] } };
}
