/** Where the incidents of a proxy come together: its own, and those that its workers send. One a proxy. */
import type { Log } from '../base/log.ts';
import type { IncidentEntry, IncidentReport, Incidents } from './incident.ts';
import { IncidentGatherer } from './incident-gatherer.ts';
import { IncidentLog } from './incident-log.ts';
import { IncidentStore } from './incident-store.ts';

export interface IncidentDeskOptions {
  readonly log: Log;
  /** Statement texts are kept. */
  readonly literals: boolean;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** How often what was gathered is taken in. */
export const GATHERING_MS = 1000;

export class IncidentDesk implements Incidents {
  readonly #gatherer: IncidentGatherer;
  readonly #store: IncidentStore;
  readonly #log: IncidentLog;
  #ticking: NodeJS.Timeout | null = null;

  constructor(options: IncidentDeskOptions) {
    this.#gatherer = new IncidentGatherer(options);
    this.#store = new IncidentStore(options);
    this.#log = new IncidentLog(options.log);
  }

  start(): void {
    this.#ticking = setInterval(() => this.tick(), GATHERING_MS);
  }

  /** Takes in what is left. */
  stop(): void {
    if (this.#ticking !== null) clearInterval(this.#ticking);
    this.tick();
  }

  report(report: IncidentReport): void {
    this.#gatherer.report(report);
  }

  /** Entries of another process. */
  take(entries: readonly IncidentEntry[]): void {
    for (const entry of entries) this.#log.tell(this.#store.add(entry), entry);
  }

  tick(): void {
    this.take(this.#gatherer.take());
  }
}
