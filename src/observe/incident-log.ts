/** The log's lines on incidents: each group at once, then at most once a minute with how often it came since. */
import { INCIDENT_REASONS } from '../base/incident-reasons.ts';
import type { Log } from '../base/log.ts';
import type { IncidentEntry } from './incident.ts';
import type { IncidentGroup } from './incident-group.ts';

const QUIET_MS = 60_000;

interface Told {
  readonly atMs: number;
  /** What the group had counted then. */
  readonly total: number;
}

export class IncidentLog {
  readonly #log: Log;
  /** Goes with its group, whose number is bounded. */
  readonly #told = new WeakMap<IncidentGroup, Told>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `group` has taken `entry` in. */
  tell(group: IncidentGroup, entry: IncidentEntry): void {
    const { identity, total } = group;
    const { means, line } = INCIDENT_REASONS[identity.reason];
    if (line === 'own') return;
    const told = this.#told.get(group);
    if (told !== undefined && entry.lastMs - told.atMs < QUIET_MS) return;
    this.#told.set(group, { atMs: entry.lastMs, total });
    const { digest, code } = identity;
    const payload = entry.payloads.at(-1);
    this.#log.warn(
      {
        incident: identity.reason,
        shard: identity.shard,
        ...(code === null ? {} : { code }),
        ...(digest === null ? {} : { digestId: digest.id, digest: digest.text }),
        ...(payload === undefined ? {} : { detail: payload.message }),
        ...(typeof payload?.sql === 'string' ? { sql: payload.sql } : {}),
        times: total - (told?.total ?? 0),
      },
      means,
    );
  }
}
