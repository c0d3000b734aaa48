/** The label values of the contract. Every series they span is exported from the start. */
import type { Kind } from '../sql/plan.ts';

export type StatementKind = Kind;

export const STATEMENT_KINDS = [
  'read',
  'write',
  'delete',
  'other',
] as const satisfies readonly StatementKind[];

/** The kinds that are mirrored as traffic. */
export const MIRRORED_KINDS = ['read', 'write', 'delete'] as const satisfies readonly StatementKind[];

/** `lost`: the connection to the primary ended before the answer. */
export const STATEMENT_OUTCOMES = ['ok', 'error', 'lost'] as const;
export type StatementOutcome = (typeof STATEMENT_OUTCOMES)[number];

/** Whatever is replayed ends in one of these. */
const REPLAY_OUTCOMES = [
  'mirrored',
  'failed',
  'timed_out',
  'lost',
  'dropped_queue_full',
  'dropped_shadow_down',
  'dropped_too_large',
  'dropped_shutdown',
] as const;

/** Each selected statement ends in exactly one of these. */
export const MIRROR_OUTCOMES = [
  ...REPLAY_OUTCOMES,
  'skipped_rolled_back',
  'skipped_failed',
  'skipped_unsupported',
  'skipped_straddle',
  'skipped_uncertain',
] as const;
export type MirrorOutcome = (typeof MIRROR_OUTCOMES)[number];

/** What becomes of each change of definitions on moved tables that the primary has carried out, or may have. */
export const DDL_OUTCOMES = [
  ...REPLAY_OUTCOMES,
  'skipped_by_config',
  'skipped_unsupported',
  'skipped_straddle',
  'skipped_uncertain',
] as const;
export type DdlOutcome = (typeof DDL_OUTCOMES)[number];

export const MISMATCH_REASONS = ['row_count', 'row_order', 'row_hash', 'affected_rows', 'error'] as const;
export type MismatchReason = (typeof MISMATCH_REASONS)[number];

/** Why two answers can't be held against each other: the servers' kinds alone make them differ. */
export const INCOMPARABLE_REASONS = ['json', 'sql_mode'] as const;
export type IncomparableReason = (typeof INCOMPARABLE_REASONS)[number];

/** Why a client was sent away before or during its login. */
export const REFUSAL_REASONS = [
  'max_connections',
  // The process may open no more files for clients.
  'open_files',
  'old_unreachable',
  // The proxy's own machine is out of files or local ports.
  'local_limit',
  // The old server said no: to the account, or (its own limits, a blocked host) to anyone.
  'access_denied',
  'old_refused',
  'login_timeout',
  'bad_handshake',
  // A trusted balancer did not begin with a header of the PROXY protocol.
  'bad_proxy_header',
  // A TLS handshake came to nothing: with the client, or with the old server (which may have no TLS).
  'client_tls',
  'old_tls',
  'tls_required',
  'client_certificate',
  // Authentication that can't go on with TLS on one side only.
  'tls_mixed',
] as const;

/** Why a session is only passed on and no longer followed. */
export const BLIND_REASONS = [
  'tls',
  'compression',
  'stream',
  'lost_step_command',
  'lost_step_reply',
] as const;
export type BlindReason = (typeof BLIND_REASONS)[number];

export const CONNECTION_STATES = ['login', 'idle', 'busy', 'transaction', 'blind', 'closing'] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];
