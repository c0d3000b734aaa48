/** The snapshot in force and those who want to know of the next one. */
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ControlSnapshot } from '../config/ratios.ts';
import type { ControlMetrics } from './control.ts';
import { makeSnapshot } from './snapshot.ts';

export class LiveSnapshot {
  readonly #log: Log;
  readonly #metrics: ControlMetrics;
  readonly #listeners: ((snapshot: ControlSnapshot) => void)[] = [];
  #snapshot: ControlSnapshot;

  constructor(first: ControlSnapshot, log: Log, metrics: ControlMetrics) {
    this.#log = log;
    this.#metrics = metrics;
    this.#snapshot = makeSnapshot(first);
    this.#metrics.connected = first.connected;
  }

  get current(): ControlSnapshot {
    return this.#snapshot;
  }

  onChange(listener: (snapshot: ControlSnapshot) => void): void {
    this.#listeners.push(listener);
  }

  /** A listener that throws keeps neither the others nor the control from going on. */
  publish(next: ControlSnapshot): void {
    this.#snapshot = makeSnapshot(next);
    this.#metrics.connected = next.connected;
    for (const listener of this.#listeners) {
      try {
        listener(this.#snapshot);
      } catch (error) {
        this.#log.error({ reason: messageOf(error) }, 'a listener to the ratios failed');
      }
    }
  }
}
