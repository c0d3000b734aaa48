/** Reads statements and keeps the plans of their digests: a bounded cache that allocates nothing on a hit. */
import { randomInt } from 'node:crypto';
import type { Lexed } from './lexed.ts';
import { Lexer } from './lexer.ts';
import { ParserBudget } from './parser-budget.ts';
import type { Plan } from './plan.ts';
import { makePlan } from './planner.ts';
import type { SqlMode } from './sql-mode.ts';

export interface SqlReaderOptions {
  /** Digests whose plans are kept. */
  readonly maxPlans: number;
  /** Seed of the digest hashes; left out: a random one, so that nobody can craft digests that collide. */
  readonly seed?: number;
  /** Milliseconds, monotonic: by it the parser's time is bounded. Left out: the parser reads every new digest. */
  readonly clock?: () => number;
  /** Milliseconds that this process has had of the processor. Left out: `clock` is taken for it. */
  readonly cpu?: () => number;
}

export interface SqlReaderStats {
  hits: number;
  misses: number;
  /** Plans for which the parser refused the digest, or disagreed, and our own reading stands alone. */
  refused: number;
  evicted: number;
  /** Plans made without the parser because it had used up its time. */
  deferred: number;
}

/** Fields of an entry in `keys`: the two hashes, and the two counts that cross-check them. */
const KEY_FIELDS = 4;
/** Entries are looked for in this many neighbouring places. */
const WAYS = 16;

export class SqlReader {
  readonly stats: SqlReaderStats = { hits: 0, misses: 0, refused: 0, evicted: 0, deferred: 0 };
  private readonly lexer: Lexer;
  private readonly budget: ParserBudget | null;
  private readonly keys: Int32Array;
  private readonly plans: (Plan | undefined)[];
  /** 1: used since the clock's hand passed. */
  private readonly used: Uint8Array;
  private readonly sets: number;
  private readonly maxPlans: number;
  private kept = 0;
  private hand = 0;

  constructor(options: SqlReaderOptions) {
    this.lexer = new Lexer(options.seed ?? randomInt(2 ** 31));
    this.budget = options.clock === undefined ? null : new ParserBudget(options.clock, options.cpu);
    this.maxPlans = Math.max(1, options.maxPlans);
    // Four times the room: a full cache has 4 plans in a set on average, and one of 16 practically never.
    this.sets = Math.ceil((this.maxPlans * 4) / WAYS);
    const places = this.sets * WAYS;
    this.keys = new Int32Array(places * KEY_FIELDS);
    this.plans = new Array<Plan | undefined>(places).fill(undefined);
    this.used = new Uint8Array(places);
  }

  /** The facts of the statement read last; valid until the next `read`. */
  get lexed(): Lexed {
    return this.lexer.lexed;
  }

  /**
   * Reads the statement that begins at `from`, up to its semicolon or `to`; `lexed.next` says where another
   * one follows. Never throws.
   */
  read(sql: Buffer, from: number, to: number, mode: SqlMode): Plan {
    const lexed = this.lexer.lex(sql, from, to, mode);
    const first = this.firstPlace(lexed.hashA);
    for (let place = first; place < first + WAYS; place++) {
      const plan = this.plans[place];
      if (plan !== undefined && this.matches(place, lexed)) {
        this.used[place] = 1;
        this.stats.hits++;
        if (plan.deferred && this.budget?.allows === true) return this.remake(sql, from, to, mode, place);
        return plan;
      }
    }
    return this.miss(sql, from, to, mode, first);
  }

  private miss(sql: Buffer, from: number, to: number, mode: SqlMode, first: number): Plan {
    const plan = this.make(sql, from, to, mode);
    this.stats.misses++;
    if (plan.deferred) this.stats.deferred++;
    else if (!plan.parsed && plan.kind !== 'other') this.stats.refused++;
    this.keep(this.lexed, plan, first);
    return plan;
  }

  /** A digest that is still in use once the parser has time for it gets its full plan. */
  private remake(sql: Buffer, from: number, to: number, mode: SqlMode, place: number): Plan {
    const plan = this.make(sql, from, to, mode);
    if (!plan.parsed && !plan.deferred) this.stats.refused++;
    this.plans[place] = plan;
    return plan;
  }

  private make(sql: Buffer, from: number, to: number, mode: SqlMode): Plan {
    const lexed = this.lexer.lex(sql, from, to, mode, true);
    const { budget } = this;
    if (budget === null) return makePlan(sql, lexed, mode, true);
    if (!budget.allows) return makePlan(sql, lexed, mode, false);
    return budget.spend(() => makePlan(sql, lexed, mode, true));
  }

  private matches(place: number, lexed: Lexed): boolean {
    const at = place * KEY_FIELDS;
    const { keys } = this;
    return (
      keys[at] === lexed.hashA &&
      keys[at + 1] === lexed.hashB &&
      keys[at + 2] === lexed.tokenCount &&
      keys[at + 3] === lexed.slotCount
    );
  }

  private firstPlace(hash: number): number {
    return ((hash >>> 0) % this.sets) * WAYS;
  }

  private keep(lexed: Lexed, plan: Plan, first: number): void {
    if (this.kept >= this.maxPlans) this.evictAny();
    const place = this.freePlace(first);
    if (this.plans[place] !== undefined) this.evict(place);
    const at = place * KEY_FIELDS;
    this.keys[at] = lexed.hashA;
    this.keys[at + 1] = lexed.hashB;
    this.keys[at + 2] = lexed.tokenCount;
    this.keys[at + 3] = lexed.slotCount;
    this.plans[place] = plan;
    // Not used until it is hit: digests that come only once go first.
    this.used[place] = 0;
    this.kept++;
  }

  /** An empty place of the set, else one that was not used lately. */
  private freePlace(first: number): number {
    let unused = first;
    for (let place = first; place < first + WAYS; place++) {
      if (this.plans[place] === undefined) return place;
      if (this.used[place] === 0) unused = place;
    }
    return unused;
  }

  /** The clock: passes over what was used since its last round, and takes the first that was not. */
  private evictAny(): void {
    for (let steps = 0; steps < this.plans.length * 2; steps++) {
      const place = this.hand;
      this.hand = (this.hand + 1) % this.plans.length;
      if (this.plans[place] === undefined) continue;
      if (this.used[place] === 0) {
        this.evict(place);
        return;
      }
      this.used[place] = 0;
    }
  }

  private evict(place: number): void {
    this.plans[place] = undefined;
    this.kept--;
    this.stats.evicted++;
  }
}
