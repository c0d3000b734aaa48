/** An incident as it is reported, and as one process hands it to another. */
import type { IncidentReason } from '../base/incident-reasons.ts';

/** Something that went wrong. Its group is reason, shard, digest and code; the rest is kept of the latest few. */
export interface IncidentReport {
  readonly reason: IncidentReason;
  /** A shard's name, or `ALL_SHARDS`. */
  readonly shard: string;
  /** Left out where the statement does not matter, so that one cause makes one group. */
  readonly digest?: IncidentDigest | undefined;
  /** A MySQL error number. */
  readonly code?: number | undefined;
  readonly table?: string | undefined;
  readonly key?: string | undefined;
  /** What happened, without literals. A function is called only where the text is kept. */
  readonly message: string | (() => string);
  /** The statement's text, in UTF-8; read only where it is kept, which takes `logLiterals`. */
  readonly sql?: Buffer | undefined;
  /** How many statements it befell. Left out: 1. */
  readonly times?: number;
}

export interface IncidentDigest {
  readonly id: string;
  readonly text: string;
}

/** Whoever notices takes one of these. A call never throws, never waits, and costs next to nothing. */
export interface Incidents {
  report(report: IncidentReport): void;
  /** The same, where the shard is known beforehand: of what comes by the thousand no copy is made. */
  reportOf(shard: string, report: ShardIncident): void;
}

/** The same for the parts that serve one shard. */
export interface ShardIncidents {
  report(report: ShardIncident): void;
}
export type ShardIncident = Omit<IncidentReport, 'shard'>;

export function incidentsOf(incidents: Incidents, shard: string): ShardIncidents {
  return { report: (report) => incidents.reportOf(shard, report) };
}

export const NO_INCIDENTS: ShardIncidents = { report: () => {} };

/** One occurrence, as it is kept. */
export interface IncidentPayload {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly table: string | null;
  readonly key: string | null;
  readonly message: string;
  readonly sql: string | null;
}

/** What makes a group. `others`: of the reason and shard, all that has no group of its own. */
export interface IncidentIdentity {
  readonly reason: IncidentReason;
  readonly shard: string;
  readonly digest: IncidentDigest | null;
  readonly code: number | null;
  readonly others: boolean;
}

/** What came to a group in a short time, such as a second. */
export interface IncidentEntry extends IncidentIdentity {
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** The oldest first. */
  readonly payloads: readonly IncidentPayload[];
}

/** Payloads kept of a group. */
export const PAYLOADS_MAX = 5;
