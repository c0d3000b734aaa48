/**
 * Logs what the shadow refuses or answers otherwise: each kind of failure at once, then at most once a minute
 * with how often it came since. A statement's literals are left out unless the configuration lets them in.
 */
import type { Log } from '../base/log.ts';
import type { Replay } from './unit.ts';

interface Repeated {
  loggedAtMs: number;
  since: number;
}

const QUIET_MS = 60_000;
/** Kinds of failure told apart; past them the log starts over. */
const KINDS_MAX = 1000;
const TEXT_BYTES_MAX = 1024;
/** Processes write to one log, where the kernel keeps only lines of up to 4 KiB apart. */
const DIGEST_CHARACTERS_MAX = 1000;

export class FailureLog {
  readonly #log: Log;
  readonly #literals: boolean;
  readonly #now: () => number;
  readonly #seen = new Map<string, Repeated>();

  constructor(log: Log, options: { literals: boolean; now: () => number }) {
    this.#log = log;
    this.#literals = options.literals;
    this.#now = options.now;
  }

  /** `what` is one of a short list of reasons; `detail` holds no literals. */
  add(replay: Replay, what: string, detail: string): void {
    const { plan, sql, kind } = replay;
    // Numbers of rows differ every time; an error's number is what tells errors apart.
    const name = what === 'error' ? `${what} ${plan.id} ${detail}` : `${what} ${plan.id}`;
    const seen = this.#seen.get(name);
    const nowMs = this.#now();
    if (seen !== undefined && nowMs - seen.loggedAtMs < QUIET_MS) {
      seen.since++;
      return;
    }
    if (seen === undefined && this.#seen.size >= KINDS_MAX) this.#seen.clear();
    this.#seen.set(name, { loggedAtMs: nowMs, since: 0 });
    this.#log.warn(
      {
        what,
        detail,
        kind,
        digestId: plan.id,
        digest: plan.digest.slice(0, DIGEST_CHARACTERS_MAX),
        ...(seen === undefined ? {} : { repeated: seen.since }),
        ...(this.#literals ? { sql: sql.toString('utf8', 0, Math.min(sql.length, TEXT_BYTES_MAX)) } : {}),
      },
      'the shadow did not do as the primary',
    );
  }
}
