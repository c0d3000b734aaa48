/** The operator's pause of every sync of a service, by a key in etcd whose text is the reason. */
import type { EtcdSettings } from '../config/load.ts';
import { EtcdLink } from './etcd-link.ts';
import { checkEtcdSettings } from './etcd-settings.ts';
import { sanitize } from './sanitize.ts';

export interface SyncPauseOptions {
  readonly etcd: EtcdSettings;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** etcd can't be read, for this reason; null: it can be again. What was read last stays in force. */
  readonly told: (fault: string | null) => void;
}

/** A value that was read is good for so long. */
const FRESH_MS = 1000;
const REASON_SHOWN = 200;

export function syncPauseKey(prefix: string): string {
  return `${prefix}sync/pause`;
}

export class SyncPause {
  readonly #options: SyncPauseOptions;
  readonly #link: EtcdLink;
  readonly #key: string;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;
  #reason: string | null = null;
  #fault: string | null = null;

  /** Throws UsageError when the settings can't work together. */
  constructor(options: SyncPauseOptions) {
    checkEtcdSettings(options.etcd);
    this.#options = options;
    this.#link = new EtcdLink(options.etcd);
    this.#key = syncPauseKey(options.etcd.prefix);
  }

  /** Why all are to wait; null: nobody wants that. Never rejects. */
  async reason(): Promise<string | null> {
    const { now } = this.#options;
    if (now() - this.#readAtMs >= FRESH_MS) {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = null;
        this.#readAtMs = now();
      });
      await this.#reading;
    }
    return this.#reason;
  }

  close(): void {
    this.#link.close();
  }

  async #read(): Promise<void> {
    try {
      const value = await this.#link.use(`for the key ${this.#key}`, ({ etcd }) =>
        etcd.get(this.#key).string(),
      );
      const text = value === null ? null : sanitize(value, REASON_SHOWN).trim();
      this.#reason = text === null ? null : `the key ${this.#key} is there${text === '' ? '' : `: ${text}`}`;
      this.#tell(null);
    } catch (error) {
      this.#tell(error instanceof Error ? error.message : String(error));
    }
  }

  #tell(fault: string | null): void {
    if ((fault === null) === (this.#fault === null)) return;
    this.#fault = fault;
    this.#options.told(fault);
  }
}
