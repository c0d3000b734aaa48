/** What the sessions of a shard are given: the same for all of them. */
import type { Log } from '../base/log.ts';
import type { TapSource } from '../mirror/tap.ts';
import type { ShardIncidents } from '../observe/incident.ts';
import type { ShardMetrics } from '../observe/metrics.ts';
import type { ProxyProtocolVersion } from '../wire/proxy-protocol.ts';
import type { WriteTurn } from './write-turn.ts';

export interface SessionOptions {
  readonly shard: string;
  readonly old: { readonly host: string; readonly port: number };
  /** The header by which the old server is told whom each connection is for; left out: none. */
  readonly oldProxyProtocol?: ProxyProtocolVersion | undefined;
  readonly connectTimeoutMs: number;
  readonly loginTimeoutMs: number;
  /** How long either side may leave unread what is left for it once the other has ended the session. */
  readonly lingerTimeoutMs: number;
  /** A longer command is looked at no further than its beginning. */
  readonly keepBytes: number;
  readonly taps: TapSource;
  readonly turn: WriteTurn;
  readonly metrics: ShardMetrics;
  readonly incidents: ShardIncidents;
  readonly log: Log;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}
