/** What `GET /api/status` answers and `understudy status` prints. */
import type { Ratios } from '../config/ratios.ts';

export interface StatusReport {
  /** The proxy's id, as registered in etcd. */
  readonly id: string;
  readonly service: string;
  readonly version: string;
  readonly pid: number;
  /** ISO time. */
  readonly startedAt: string;
  readonly draining: boolean;
  /** The migration's phase; before a cutover always `mirroring`. */
  readonly phase: 'mirroring';
  readonly control: {
    readonly source: 'etcd' | 'file';
    readonly connected: boolean;
    /** etcd's revision (or the file's change count) of the ratios in force. */
    readonly revision: number;
    /** ISO time at which they were applied here. */
    readonly appliedAt: string;
  };
  /** The processes that serve the shards; one where the proxy is one process. */
  readonly workers: readonly WorkerStatus[];
  /** Without the shards of a worker that is down. */
  readonly shards: readonly ShardStatus[];
}

export const WORKER_STATES = ['starting', 'serving', 'silent', 'draining', 'down'] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

export interface WorkerStatus {
  /** From 0; a process that takes another's place has its number. */
  readonly worker: number;
  /** Null while none runs. */
  readonly pid: number | null;
  /** `silent`: it has not been heard of for seconds. `down`: its process ended, another is about to start. */
  readonly state: WorkerState;
  /** ISO time of the last change of state. */
  readonly since: string;
  readonly restarts: number;
  /** Their names. */
  readonly shards: readonly string[];
}

export interface ShardStatus {
  readonly name: string;
  readonly listen: string;
  readonly old: string;
  readonly new: string;
  readonly ratios: Ratios;
  readonly connections: number;
  readonly shadow: {
    readonly state: 'up' | 'down' | 'recovering' | 'idle';
    /** ISO time of the last change of state. */
    readonly since: string;
    /** Stays when the shadow is up again. */
    readonly lastError: string | null;
    /** ISO time of it. */
    readonly lastErrorAt: string | null;
  };
  readonly queue: { readonly statements: number; readonly bytes: number };
  readonly lagSeconds: number;
  readonly schema: {
    /** False: the old server's schema could not be read yet, or not since it changed. */
    readonly known: boolean;
    /** Tables of the configuration that oldUser does not see. */
    readonly missing: readonly string[];
    /** False: the new server's tables could not be read yet, so that all writes are doubts. */
    readonly newKnown: boolean;
    /** What the new server's tables have otherwise, where replays may leave other rows for it. Only the first of them. */
    readonly differences: readonly SchemaDifference[];
    readonly differencesInAll: number;
  };
  readonly journal: {
    readonly keys: number;
    /** Entries were lost: a full pass is owed. */
    readonly reset: boolean;
    readonly byReason: Readonly<Record<string, number>>;
    /** On disk. */
    readonly bytes: number;
    /** Writes whose end is not known yet. */
    readonly pending: number;
    readonly resetReason: string | null;
    /** Counts the losses; `POST /api/journal/full-pass` is told which one it makes good. */
    readonly epoch: number;
    /** Why it can't be written just now; null where it can. */
    readonly failing: string | null;
  };
  /** Selected statements by outcome since the start. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly mismatches: Readonly<Record<string, number>>;
  readonly latestMismatches: readonly MismatchSample[];
  /** Which statements left doubts since the start, by reason and digest; the most frequent first, a hundred at most. */
  readonly doubtCauses: readonly {
    readonly reason: string;
    readonly digest: string;
    readonly count: number;
  }[];
  /** Statements that mix moved and unmoved tables, by digest. */
  readonly straddles: readonly { readonly digest: string; readonly count: number }[];
}

/** Texts are parts of sentences. */
export interface SchemaDifference {
  readonly table: string;
  /** Null: it is the table's. */
  readonly column: string | null;
  /** What each server has. */
  readonly old: string;
  readonly new: string;
  /** Which statements are doubts for it. */
  readonly follows: string;
}

export interface MismatchSample {
  /** ISO time. */
  readonly at: string;
  readonly kind: string;
  readonly reason: string;
  readonly digestId: string;
  readonly digest: string;
  readonly detail: string;
}
