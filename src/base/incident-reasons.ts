/**
 * Why there is an incident: every reason, in one catalogue. `docs/operations.md` says for each what to do (a test
 * holds the two together). The names are label values of a metric, so they are few and never made of data.
 */

interface ReasonEntry {
  /** A phrase, as the log has it. */
  readonly means: string;
  /**
   * `own`: where it happens more is logged (a stack, an address) than an incident holds. `repeated`: the incidents
   * log it, at once and then at most once a minute.
   */
  readonly line: 'own' | 'repeated';
}

export const INCIDENT_REASONS = {
  replay_error: { means: 'the shadow refused what the primary carried out', line: 'repeated' },
  affected_rows: { means: 'the shadow changed other numbers of rows than the primary', line: 'repeated' },
  row_count: { means: 'the shadow read other numbers of rows than the primary', line: 'repeated' },
  row_order: { means: 'the shadow read the rows of the primary in another order', line: 'repeated' },
  row_hash: { means: 'the shadow read other rows than the primary', line: 'repeated' },
  timed_out: { means: 'the shadow did not finish a replay in time', line: 'repeated' },
  lost: { means: 'the connection to the shadow ended before it answered a replay', line: 'repeated' },
  queue_full: { means: 'the mirror dropped statements, as its queue was full', line: 'repeated' },
  shadow_down: { means: 'the mirror dropped statements, as the shadow was down', line: 'repeated' },
  too_large: { means: 'the mirror dropped a statement or transaction above its bound', line: 'repeated' },
  lane_failed: { means: 'a connection to the shadow failed or could not be made', line: 'own' },
  breaker_open: { means: 'the breaker opened: the shadow is left alone for a while', line: 'own' },
  ddl: { means: 'a definition of a moved table was changed on the primary alone', line: 'repeated' },
  ddl_failed: { means: 'a change of definitions could not be replayed on the shadow', line: 'own' },
  schema_unread: {
    means:
      'the old schema can’t be read with oldUser: writes are doubts on whole tables, or go by what it was',
    line: 'own',
  },
  schema_differs: {
    means:
      'a table of the new server differs from the old one: what its replays may leave otherwise is a doubt',
    line: 'own',
  },
  lost_step: { means: 'the proxy lost step with a session, which goes on unmirrored', line: 'own' },
  blind_relay: { means: 'a session can’t be followed, and goes on unmirrored', line: 'own' },
  tap_failed: { means: 'the mirror failed inside a session, which goes on unmirrored', line: 'own' },
  parser_failed: { means: 'the SQL parser broke: new plans rest on our own reading alone', line: 'own' },
  exception: { means: 'an exception went uncaught in the proxy', line: 'own' },
  worker_ended: { means: 'a worker process ended: its shards’ connections were lost', line: 'own' },
  worker_silent: {
    means: 'a worker process did not answer: its shards’ clients may have waited',
    line: 'own',
  },
  worker_hung: { means: 'a worker process did not answer for too long, and was ended', line: 'own' },
  journal_failed: { means: 'the journal could not be written', line: 'own' },
  journal_reset: { means: 'the journal no longer knows every doubt: a full pass is owed', line: 'own' },
  control_rejected: { means: 'a ratio was refused: the last good one stays in force', line: 'own' },
} as const satisfies Record<string, ReasonEntry>;

export type IncidentReason = keyof typeof INCIDENT_REASONS;

export const INCIDENT_REASON_NAMES = Object.keys(INCIDENT_REASONS) as readonly IncidentReason[];

/** Stands for the shard of what concerns all of a proxy's; no shard can be named so. */
export const ALL_SHARDS = '*';
