/**
 * Where incidents are reported: each process has one. What repeats is only counted, and what came to a group since
 * the last time goes on as one entry, to the store of this process or of the supervisor. A shadow that refuses
 * thousands of statements a second costs a look-up and an addition for each.
 */
import { cut } from './cut.ts';
import {
  type IncidentEntry,
  type IncidentPayload,
  type IncidentReport,
  type Incidents,
  PAYLOADS_MAX,
  type ShardIncident,
} from './incident.ts';

export interface GathererOptions {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Statement texts are kept. */
  readonly literals: boolean;
}

/** Groups told apart until the next `take`; what comes beyond them is counted by reason and shard. */
export const GATHERED_GROUPS_MAX = 256;
/** Occurrences kept until the next `take`, of all groups: what bounds the strings that are made. */
export const GATHERED_PAYLOADS_MAX = 100;

export const DIGEST_CHARACTERS_MAX = 1000;
export const MESSAGE_CHARACTERS_MAX = 500;
export const SQL_CHARACTERS_MAX = 1024;
export const NAME_CHARACTERS_MAX = 256;

interface Gathered extends Omit<IncidentEntry, 'payloads'> {
  count: number;
  lastMs: number;
  readonly payloads: IncidentPayload[];
}

/** Of what has no digest. */
const NO_DIGEST = '';

export class IncidentGatherer implements Incidents {
  readonly #options: GathererOptions;
  /** By digest; the few groups that share one stand in a row. */
  #groups = new Map<string, Gathered[]>();
  #others = new Map<string, Gathered>();
  #size = 0;
  #payloads = 0;

  constructor(options: GathererOptions) {
    this.#options = options;
  }

  report(report: IncidentReport): void {
    this.reportOf(report.shard, report);
  }

  reportOf(shard: string, report: ShardIncident): void {
    const nowMs = this.#options.clock();
    const group = this.#group(shard, report, nowMs);
    group.count += report.times ?? 1;
    group.lastMs = nowMs;
    if (group.payloads.length >= PAYLOADS_MAX || this.#payloads >= GATHERED_PAYLOADS_MAX) return;
    this.#payloads++;
    group.payloads.push(this.#payload(report, nowMs));
  }

  /** What came since the last time; nothing of it is kept. */
  take(): IncidentEntry[] {
    if (this.#size === 0) return [];
    const taken = [...[...this.#groups.values()].flat(), ...this.#others.values()];
    this.#groups = new Map();
    this.#others = new Map();
    this.#size = 0;
    this.#payloads = 0;
    return taken;
  }

  #group(shard: string, report: ShardIncident, nowMs: number): Gathered {
    const digestId = report.digest?.id ?? NO_DIGEST;
    const row = this.#groups.get(digestId);
    if (row !== undefined) {
      for (const group of row) if (belongs(shard, report, group)) return group;
    }
    if (this.#size >= GATHERED_GROUPS_MAX) return this.#otherGroup(shard, report, nowMs);
    this.#size++;
    const group = gathered(shard, report, false, nowMs);
    if (row === undefined) this.#groups.set(digestId, [group]);
    else row.push(group);
    return group;
  }

  #otherGroup(shard: string, report: ShardIncident, nowMs: number): Gathered {
    const name = `${report.reason} ${shard}`;
    const known = this.#others.get(name);
    if (known !== undefined) return known;
    const group = gathered(shard, report, true, nowMs);
    this.#others.set(name, group);
    return group;
  }

  #payload({ message, sql, table, key }: ShardIncident, atMs: number): IncidentPayload {
    return {
      atMs,
      table: table === undefined ? null : cut(table, NAME_CHARACTERS_MAX),
      key: key === undefined ? null : cut(key, NAME_CHARACTERS_MAX),
      message: cut(typeof message === 'string' ? message : message(), MESSAGE_CHARACTERS_MAX),
      sql: sql === undefined || !this.#options.literals ? null : textOf(sql),
    };
  }
}

function belongs(shard: string, { reason, code }: ShardIncident, group: Gathered): boolean {
  return group.reason === reason && group.shard === shard && group.code === (code ?? null);
}

function gathered(
  shard: string,
  { reason, digest, code }: ShardIncident,
  others: boolean,
  nowMs: number,
): Gathered {
  const named = others || digest === undefined ? null : digest;
  return {
    reason,
    shard,
    digest: named === null ? null : { id: named.id, text: cut(named.text, DIGEST_CHARACTERS_MAX) },
    code: others ? null : (code ?? null),
    others,
    count: 0,
    firstMs: nowMs,
    lastMs: nowMs,
    payloads: [],
  };
}

/** Of a long statement no more is decoded than may be kept: a character takes up to four bytes. */
function textOf(sql: Buffer): string {
  return cut(sql.toString('utf8', 0, 4 * SQL_CHARACTERS_MAX), SQL_CHARACTERS_MAX);
}
