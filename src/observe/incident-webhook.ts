/**
 * Tells a webhook of crossings, one after the other: each is tried a few times with growing pauses and then given
 * up, and what would wait beyond the bound is dropped. Nobody waits for it.
 */
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { WebhookSettings } from '../config/incidents-schema.ts';
import { postJson } from './http-post.ts';
import type { WebhookOutcome } from './incident-metrics.ts';

export interface IncidentWebhookOptions {
  readonly settings: WebhookSettings;
  readonly log: Log;
  readonly counted: (outcome: WebhookOutcome) => void;
  /** The pauses between the attempts. Left out: a second, then ever four times as long. */
  readonly pausesMs?: readonly number[];
}

const PAUSES_MS = [1000, 4000, 16_000, 64_000];
const WAITING_MAX = 100;

export class IncidentWebhook {
  readonly #options: IncidentWebhookOptions;
  readonly #waiting: string[] = [];
  readonly #stop = new AbortController();
  #state: 'idle' | 'calling' = 'idle';

  constructor(options: IncidentWebhookOptions) {
    this.#options = options;
  }

  /** `body` becomes JSON. Returns at once, whatever becomes of the call. */
  tell(body: object): void {
    if (this.#stop.signal.aborted) return;
    if (this.#waiting.length >= WAITING_MAX) {
      this.#options.counted('dropped');
      return;
    }
    this.#waiting.push(JSON.stringify(body));
    if (this.#state === 'idle') void this.#callAll();
  }

  /** Ends a call under way; what waits is dropped. */
  stop(): void {
    this.#stop.abort();
    for (const _ of this.#waiting.splice(0)) this.#options.counted('dropped');
  }

  async #callAll(): Promise<void> {
    this.#state = 'calling';
    for (let body = this.#waiting.shift(); body !== undefined; body = this.#waiting.shift())
      await this.#call(body);
    this.#state = 'idle';
  }

  async #call(body: string): Promise<void> {
    const { settings, counted, pausesMs = PAUSES_MS } = this.#options;
    for (const pauseMs of [...pausesMs, null]) {
      try {
        await postJson(body, { ...settings, signal: this.#stop.signal });
        counted('delivered');
        return;
      } catch (error) {
        const last = pauseMs === null || this.#stop.signal.aborted;
        counted(last ? 'given_up' : 'retried');
        this.#logFailure(error, last);
        if (last) return;
        await this.#pause(pauseMs);
      }
    }
  }

  /** The URL may itself be a secret: only where it leads is told. */
  #logFailure(error: unknown, last: boolean): void {
    const { settings, log } = this.#options;
    log.warn(
      { webhook: new URL(settings.url).origin, reason: messageOf(error) },
      last
        ? 'the incident webhook could not be called: given up'
        : 'the incident webhook could not be called',
    );
  }

  /** Over at the stop, too. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        this.#stop.signal.removeEventListener('abort', over);
        resolve();
      };
      const timer = setTimeout(over, ms);
      this.#stop.signal.addEventListener('abort', over);
    });
  }
}
