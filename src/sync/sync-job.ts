/** A sync from its first pass to its last: which passes it makes, in which order, and when it is done. */
import {
  foundNothing,
  type JournalLeft,
  leftNothing,
  type PassReport,
  type SyncReport,
} from './sync-report.ts';

/** `settle`: the journals, then everything, then the journals again, until nothing is left. */
export type SyncMode = 'settle' | 'full' | 'journal' | 'keys';

export interface JobPlan {
  readonly mode: SyncMode;
  /** Nothing is written: one pass of each kind tells what differs. */
  readonly check: boolean;
  /** Full passes, or those of the mode, at most. */
  readonly passes: number;
}

export interface JobSteps {
  /** Over every group of the tables and shards that were asked for. */
  full(pass: number): Promise<PassReport>;
  /** Over what the journals have in doubt; null: there is no proxy to ask. */
  journal(pass: number): Promise<PassReport | null>;
  /** Over the keys of the command line. */
  keys(pass: number): Promise<PassReport>;
  /** Null: no proxy could be asked. */
  left(): Promise<JournalLeft | null>;
  /** A pass is over. */
  told(report: PassReport): void;
  readonly stop: AbortSignal;
}

/** Rejects with what no pass could go on without, such as a server that can't be reached. */
export async function runJob(plan: JobPlan, steps: JobSteps): Promise<SyncReport> {
  const job = new Job(plan, steps);
  const clean = await job.run();
  const journal = await steps.left();
  const verdict = steps.stop.aborted && !clean ? 'stopped' : clean ? 'clean' : 'differs';
  return { mode: plan.mode, check: plan.check, passes: job.passes, journal, verdict };
}

class Job {
  readonly #plan: JobPlan;
  readonly #steps: JobSteps;
  readonly passes: PassReport[] = [];

  constructor(plan: JobPlan, steps: JobSteps) {
    this.#plan = plan;
    this.#steps = steps;
  }

  /** True: the last passes found nothing. */
  async run(): Promise<boolean> {
    const { mode, check } = this.#plan;
    if (check) return this.#check();
    if (mode === 'journal') return this.#until(() => this.#journalIsEmpty());
    if (mode === 'keys') return this.#until(async () => foundNothing(await this.#keys()));
    if (mode === 'full') return this.#until(async () => foundNothing(await this.#full()));
    await this.#journal();
    return this.#until(() => this.#fullThenJournal());
  }

  async #check(): Promise<boolean> {
    const { mode } = this.#plan;
    const reports: (PassReport | null)[] = [];
    if (mode === 'journal' || mode === 'settle') reports.push(await this.#journal());
    if (mode === 'full' || mode === 'settle') reports.push(await this.#full());
    if (mode === 'keys') reports.push(await this.#keys());
    return reports.every((report) => report === null || foundNothing(report)) && !this.#stopped;
  }

  get #stopped(): boolean {
    return this.#steps.stop.aborted;
  }

  /** `pass`: makes another one; true: there was nothing left to do. */
  async #until(pass: () => Promise<boolean>): Promise<boolean> {
    for (let number = 1; number <= this.#plan.passes && !this.#stopped; number++) {
      if ((await pass()) && !this.#stopped) return true;
    }
    return false;
  }

  async #fullThenJournal(): Promise<boolean> {
    const full = await this.#full();
    if (this.#stopped) return false;
    const isEmpty = await this.#journalIsEmpty();
    return foundNothing(full) && isEmpty;
  }

  /** Of a pass that left something in doubt, because it was written meanwhile, there is another pass to come. */
  async #journalIsEmpty(): Promise<boolean> {
    const report = await this.#journal();
    if (report === null) return this.#plan.mode !== 'journal';
    if (!leftNothing(report) || this.#stopped) return false;
    const left = await this.#steps.left();
    return left !== null && left.keys === 0 && left.reset.length === 0;
  }

  async #full(): Promise<PassReport> {
    return this.#told(await this.#steps.full(this.#numberOf('full')));
  }

  async #keys(): Promise<PassReport> {
    return this.#told(await this.#steps.keys(this.#numberOf('keys')));
  }

  async #journal(): Promise<PassReport | null> {
    const report = await this.#steps.journal(this.#numberOf('journal'));
    return report === null ? null : this.#told(report);
  }

  #numberOf(kind: PassReport['kind']): number {
    return 1 + this.passes.filter((pass) => pass.kind === kind).length;
  }

  #told<Report extends PassReport>(report: Report): Report {
    this.passes.push(report);
    this.#steps.told(report);
    return report;
  }
}
