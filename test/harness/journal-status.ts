/** A shard's journal as a status tells of it. */
import type { ShardStatus } from '../../src/observe/status.ts';

type JournalStatus = ShardStatus['journal'];

export function journalStatus(fields: Partial<JournalStatus> = {}): JournalStatus {
  return {
    keys: 0,
    reset: false,
    byReason: {},
    bytes: 0,
    pending: 0,
    resetReason: null,
    epoch: 0,
    failing: null,
    ...fields,
  };
}
